"""The page of prompts: versions, labels and differences, and the inputs of a job on the prompt of the draft."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from backend.skills.archives.pack import pack_files
from tests.e2e.test_accessibility import assert_usable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

AGENT = b"""
entrypoint: prompt.md
input_schema: {type: object, properties: {complaint: {type: text}}, required: [complaint]}
output_schema: {type: object, properties: {team: {type: string}}}
examples: [{inputs: {complaint: It never came}, outputs: {team: shipping}}]
"""


@pytest.fixture(scope="module")
def pack(settled: Any) -> str:
    """Create a skillpack with two versions of an agent, and return the slug."""
    created = settled.api.post("/v1/skillpacks", json={"slug": "desk", "name": "Desk"})
    assert created.status_code in (201, 409), created.text
    for prompt in (b"You sort letters.", b"You sort angry letters quickly."):
        bundle = {"skills/letters/skill.yaml": AGENT, "skills/letters/prompt.md": prompt}
        files = {"bundle": ("desk.zip", pack_files(bundle))}
        pushed = settled.api.post("/v1/skillpacks/desk/deployments", files=files)
        assert pushed.status_code == 201, pushed.text
    return "desk"


def test_two_versions_are_compared_and_labeled(signed_in: Page, settled: Any, pack: str) -> None:
    signed_in.goto(f"{settled.url}/prompts?skillpack={pack}")  # the first agent of the skillpack
    table = signed_in.get_by_role("table", name="Versions of the prompt")
    expect(table.get_by_role("row")).to_have_count(3)
    newer = signed_in.get_by_role("region", name="Prompt 2")
    expect(newer).to_contain_text("You sort angry letters quickly.")
    expect(newer.locator("ins")).to_have_text(["angry ", " quickly"])
    assert_usable(signed_in, "prompts, comparison")
    signed_in.get_by_label("Compare", exact=True).select_option("2")
    expect(signed_in.get_by_text("The texts are identical.")).to_be_visible()
    table.get_by_role("button", name="Label Prompt 1").click()
    table.get_by_label("Label", exact=True).fill("approved")
    table.get_by_role("button", name="Set").click()
    expect(table.get_by_role("row").nth(2)).to_contain_text("approved")
    table.get_by_role("button", name="Label Prompt 2").click()
    table.get_by_label("Label", exact=True).fill("approved")
    table.get_by_role("button", name="Set").click()
    expect(table.get_by_role("row").nth(1)).to_contain_text("approved")
    expect(table.get_by_role("row").nth(2)).not_to_contain_text("approved")
    signed_in.reload()
    expect(table.get_by_role("row").nth(1)).to_contain_text("approved")


def test_inputs_of_a_job_run_on_the_prompt_of_the_draft(signed_in: Page, settled: Any, pack: str) -> None:
    body = {"skill": "letters", "inputs": {"complaint": "It never came"}}
    job = settled.api.post("/v1/jobs", params={"skillpack": pack, "wait": True}, json=body).json()
    signed_in.goto(f"{settled.url}/jobs/{job['id']}")
    expect(signed_in.get_by_text("Succeeded").first).to_be_visible(timeout=20_000)
    signed_in.get_by_role("link", name="Prompt", exact=True).click()
    expect(signed_in.get_by_text("This job has used prompt 2.")).to_be_visible()
    changed = settled.api.put(
        f"/v1/skillpacks/{pack}/drafts/files/skills/letters/prompt.md",
        content=b"You sort letters kindly.",
        headers={"If-Match": "*"},
    )
    assert changed.status_code in (200, 201), changed.text
    signed_in.reload()
    expect(signed_in.get_by_label("With", exact=True).locator("option").first).to_have_text("Draft")
    signed_in.get_by_role("link", name="Try its inputs on the draft").click()
    second = signed_in.get_by_role("article", name="Column 2")
    expect(signed_in.get_by_role("article", name="Column 1")).to_contain_text("shipping")
    expect(second.get_by_label("Version of column 2")).to_have_value("draft")
    expect(signed_in.get_by_label("complaint")).to_have_value("It never came")
    second.get_by_role("button", name="Run column 2").click()
    expect(second).to_contain_text("shipping", timeout=20_000)
