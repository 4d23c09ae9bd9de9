"""Versions in the studio: comparison, rollback, gates, and read-only access for viewers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from backend.skills.archives.pack import pack_files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SKILL = b"""
entrypoint: main.py:run
description: Doubles a number.
network: none
input_schema: {type: object, required: [n], properties: {n: {type: integer}}}
output_schema: {type: object, properties: {n: {type: integer}}}
"""
GATED = (
    SKILL
    + b"""
evals:
  dataset: cases.jsonl
  gate: {threshold: 100}
  graders: [{name: right, kind: exact_match}]
"""
)
DOUBLE = {
    "skills/double/skill.yaml": SKILL,
    "skills/double/main.py": b"def run(n):\n    return {'n': 2 * n}\n",
}
GOOD = {
    **DOUBLE,
    "skills/double/skill.yaml": GATED,
    "skills/double/cases.jsonl": b'{"id": "three", "inputs": {"n": 3}, "expected": {"n": 6}}\n',
}
BAD = {**GOOD, "skills/double/main.py": b"def run(n):\n    return {'n': 3 * n}\n"}
GATE_WITHIN_MS = 60_000


@pytest.fixture
def blank(settled: Any, request: pytest.FixtureRequest) -> str:
    """Create an empty skillpack, and return the slug."""
    slug = request.node.name.removeprefix("test_")[:50].replace("_", "-").strip("-")
    made = settled.api.post("/v1/skillpacks", json={"slug": slug, "name": slug})
    assert made.status_code == 201, made.text
    return slug


def push(settled: Any, pack: str, files: dict[str, bytes], **form: str) -> Any:
    where = f"/v1/skillpacks/{pack}/deployments"
    pushed = settled.api.post(where, files={"bundle": ("skills.zip", pack_files(files))}, data=form)
    assert pushed.status_code == 201, pushed.text
    return pushed.json()


def row_of(page: Page, version: str) -> Locator:
    """Return the row of a version. The text of other rows may contain it too, as the key that published them."""
    return page.get_by_role("row").filter(
        has=page.get_by_role("checkbox", name=f"Select {version}", exact=True)
    )


def active_version(settled: Any, pack: str) -> int:
    listed = settled.api.get(f"/v1/skillpacks/{pack}/deployments").json()
    (version,) = [one["version"] for one in listed if one["is_active"]]
    return int(version)


def test_page_without_versions_links_to_the_editor(signed_in: Page, settled: Any, blank: str) -> None:
    signed_in.goto(f"{settled.url}/deployments?skillpack={blank}")
    expect(signed_in.get_by_role("heading", name="No versions yet")).to_be_visible()
    signed_in.get_by_role("link", name="Open the editor").click()
    expect(signed_in).to_have_url(f"{settled.url}/editor?skillpack={blank}")


def test_comparison_of_two_versions_lists_breaking_changes_first(
    signed_in: Page, settled: Any, blank: str
) -> None:
    push(settled, blank, DOUBLE, notes="first light")
    renamed = SKILL.replace(b"[n]", b"[m]").replace(b"{n: {type", b"{m: {type", 1)
    push(
        settled,
        blank,
        {
            **DOUBLE,
            "skills/double/skill.yaml": renamed,
            "skills/double/main.py": b"def run(m):\n    return {'n': 2 * m}\n",
        },
    )
    signed_in.goto(f"{settled.url}/deployments?skillpack={blank}")
    row = signed_in.get_by_role("row").filter(has_text="first light")
    expect(row).to_contain_text("v1")
    row.get_by_role("checkbox").check()
    expect(signed_in.get_by_text("Select another version to compare")).to_be_visible()
    signed_in.get_by_role("checkbox", name="Select v2").check()
    signed_in.get_by_role("button", name="Compare selected").click()
    expect(signed_in).to_have_url(re.compile(r"base=1&head=2$"))
    expect(signed_in.get_by_role("heading", name="From v1 to v2")).to_be_visible()
    breaking = signed_in.get_by_text(re.compile(r"^\d breaking changes?$"))
    expect(breaking).to_be_visible()
    signed_in.get_by_role("button", name=re.compile("main.py")).click()
    lines = signed_in.get_by_role("region", name="Lines of skills/double/main.py")
    expect(lines.get_by_role("row", name="removed def run(n):")).to_be_visible()
    expect(lines.get_by_role("row", name="added def run(m):")).to_be_visible()
    signed_in.get_by_role("button", name="Swap").click()
    expect(signed_in.get_by_role("heading", name="From v2 to v1")).to_be_visible()
    signed_in.get_by_role("button", name="All versions").click()
    expect(signed_in.get_by_role("table", name="Versions")).to_be_visible()


def test_rollback_activation_and_deletion_of_versions(signed_in: Page, settled: Any, blank: str) -> None:
    push(settled, blank, DOUBLE)
    push(settled, blank, {**DOUBLE, "skills/double/notes.md": b"two"})
    push(settled, blank, {**DOUBLE, "skills/double/notes.md": b"three"}, activate="false")
    signed_in.goto(f"{settled.url}/deployments?skillpack={blank}")
    signed_in.get_by_role("button", name="Roll back to v1").click()
    expect(signed_in.get_by_text("v1 is active. Running jobs")).to_be_visible()
    assert active_version(settled, blank) == 1
    signed_in.get_by_role("button", name="Return to v2").click()
    expect(signed_in.get_by_text("v2 is active. Running jobs")).to_be_visible()
    assert active_version(settled, blank) == 2
    row = row_of(signed_in, "v3")
    row.get_by_role("button", name="Activate").click()
    dialog = signed_in.get_by_role("dialog", name="Activate v3?")
    expect(dialog).to_contain_text("No jobs are running on v2.")
    dialog.get_by_role("button", name="Activate v3").click()
    expect(signed_in.get_by_text("v3 is active. Running jobs")).to_be_visible()
    with signed_in.expect_download() as download:
        row.get_by_role("link", name="Download v3").click()
    assert download.value.suggested_filename == "v3.zip"
    old = row_of(signed_in, "v1")
    old.get_by_role("button", name="Delete").click()
    signed_in.get_by_role("button", name="Delete v1").click()
    expect(signed_in.get_by_role("checkbox", name="Select v1")).to_have_count(0)
    signed_in.get_by_role("checkbox", name="Select all").check()
    signed_in.get_by_role("group", name="Selected versions").get_by_role("button", name="Delete…").click()
    dialog = signed_in.get_by_role("dialog", name="Delete 1 version?")
    expect(dialog).to_contain_text("1 of the selected versions are active")
    dialog.get_by_role("button", name="Delete 1 version").click()
    dialog.get_by_role("button", name="Done").click()
    expect(signed_in.get_by_role("checkbox", name="Select v2")).to_have_count(0)
    listed = settled.api.get(f"/v1/skillpacks/{blank}/deployments").json()
    assert [one["version"] for one in listed] == [3]


def test_versions_are_filtered_sorted_and_saved_as_a_view(signed_in: Page, settled: Any, blank: str) -> None:
    push(settled, blank, DOUBLE, notes="small")
    push(settled, blank, {**DOUBLE, "skills/double/notes.md": bytes(range(256)) * 40}, notes="large")
    page = f"{settled.url}/deployments?skillpack={blank}"
    signed_in.goto(page)
    boxes = signed_in.get_by_role("table", name="Versions").get_by_role("checkbox", name=re.compile("v[12]"))
    expect(boxes).to_have_count(2)
    head = signed_in.get_by_role("columnheader", name="Size")
    head.get_by_role("button").click()
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(boxes.first).to_have_accessible_name("Select v1")
    signed_in.get_by_label("State", exact=True).select_option("inactive")
    expect(boxes).to_have_count(1)
    expect(signed_in).to_have_url(f"{page}&state=inactive&sort=size")
    expect(signed_in.get_by_text("v2 is active in production.")).to_be_visible()
    signed_in.get_by_role("button", name="Views").click()
    signed_in.get_by_label("Name of the view").fill(f"Old {blank[:20]}")
    signed_in.get_by_role("button", name="Save view").click()
    view = signed_in.get_by_role("link", name=f"Old {blank[:20]}")
    expect(view).to_be_visible()
    signed_in.keyboard.press("Escape")
    signed_in.get_by_label("Search versions").fill("nothing")
    expect(signed_in.get_by_text("No versions match these filters.")).to_be_visible()
    signed_in.get_by_role("button", name="Show all versions").click()
    expect(signed_in).to_have_url(page)
    expect(boxes).to_have_count(2)
    signed_in.get_by_role("button", name="Views").click()
    view.click()
    expect(signed_in).to_have_url(f"{page}&state=inactive&sort=size")
    expect(boxes).to_have_count(1)
    signed_in.go_back()
    expect(boxes).to_have_count(2)


def test_gate_rejects_a_version_with_its_failed_runs_and_accepts_a_good_one(
    signed_in: Page, settled: Any, blank: str
) -> None:
    push(settled, blank, DOUBLE)
    push(settled, blank, BAD, activate="false")
    push(settled, blank, GOOD, activate="false")
    signed_in.goto(f"{settled.url}/deployments?skillpack={blank}")
    row = row_of(signed_in, "v2")
    row.get_by_role("button", name="Activate").click()
    expect(signed_in.get_by_role("dialog", name="Activate v2?")).to_contain_text("the suites of double pass")
    signed_in.get_by_role("button", name="Activate v2").click()
    expect(signed_in.get_by_text("The gate rejected v2.")).to_be_visible(timeout=GATE_WITHIN_MS)
    expect(signed_in.get_by_text("the gate requires 100 %")).to_be_visible()
    against = signed_in.get_by_role("list", name="Runs of double that did not pass")
    expect(against).to_contain_text("three")
    expect(signed_in.get_by_role("button", name="Run gate again")).to_be_visible()
    assert active_version(settled, blank) == 1
    row_of(signed_in, "v3").get_by_role("button", name="Activate").click()
    signed_in.get_by_role("button", name="Activate v3").click()
    expect(signed_in.get_by_text("v3 passed its gate and is active.")).to_be_visible(timeout=GATE_WITHIN_MS)
    assert active_version(settled, blank) == 3
    expect(row_of(signed_in, "v2")).to_contain_text("gate rejected")


def test_editor_publishes_through_the_gate(signed_in: Page, settled: Any, blank: str) -> None:
    push(settled, blank, DOUBLE)
    drafts = f"/v1/skillpacks/{blank}/drafts/files"
    for path, content in GOOD.items():
        written = settled.api.put(f"{drafts}/{path}", content=content, headers={"If-Match": "*"})
        assert written.status_code == 200, written.text
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    signed_in.get_by_role("button", name="Publish draft…").click()
    dialog = signed_in.get_by_role("dialog", name="Publish")
    dialog.get_by_role("button", name=re.compile("skill.yaml")).click()
    expect(dialog.get_by_role("region", name="Lines of skills/double/skill.yaml")).to_contain_text(
        "threshold"
    )
    dialog.get_by_role("button", name="Publish and run gate").click()
    expect(dialog).to_contain_text("Version 2 is published and active", timeout=GATE_WITHIN_MS)
    expect(dialog).to_contain_text("v2 passed its gate")
    assert active_version(settled, blank) == 2


def test_viewer_reads_versions_and_cannot_change_them(
    signed_in: Page, settled: Any, blank: str, as_viewer: Any
) -> None:
    push(settled, blank, DOUBLE)
    push(settled, blank, {**DOUBLE, "skills/double/notes.md": b"two"})
    as_viewer(signed_in)
    signed_in.goto(f"{settled.url}/deployments?skillpack={blank}")
    expect(signed_in.get_by_role("link", name="Download v1")).to_be_visible()
    for name in ("Activate", "Delete", "Roll back to v1"):
        expect(signed_in.get_by_role("button", name=name)).to_have_count(0)
    row_of(signed_in, "v1").get_by_role("button", name="Compare").click()
    expect(signed_in.get_by_role("heading", name="From v2 to v1")).to_be_visible()
    assert active_version(settled, blank) == 2


def test_version_of_development_is_reviewed_promoted_and_run_by_a_key_of_staging(
    signed_in: Page, settled: Any, blank: str
) -> None:
    push(settled, blank, DOUBLE)
    changed = {**DOUBLE, "skills/double/main.py": b"import puras\n\ndef run(n):\n    return {'n': 3 * n}\n"}
    push(settled, blank, changed, notes="three times", environment="development")
    signed_in.goto(f"{settled.url}/deployments?skillpack={blank}")
    strip = signed_in.get_by_role("list").filter(has_text="Development")
    expect(strip.get_by_role("listitem", name="Development")).to_contain_text("v2")
    expect(strip.get_by_role("listitem", name="Staging")).to_contain_text("No active version")
    expect(signed_in.get_by_role("row").filter(has_text="three times")).to_contain_text("development")

    strip.get_by_role("button", name="Promote to Staging…").click()
    expect(signed_in.get_by_role("heading", name="Promote to Staging")).to_be_visible()
    expect(signed_in.get_by_text("No version is active in this environment yet.")).to_be_visible()
    signed_in.get_by_role("button", name="Activate v2 in Staging").click()
    expect(signed_in.get_by_text("v2 is active in staging. Running jobs keep their version.")).to_be_visible()

    strip.get_by_role("button", name="Promote to Production…").click()
    expect(signed_in.get_by_role("combobox", name="Version")).to_have_value("staging")
    expect(signed_in.get_by_role("list", name="Checks")).to_contain_text("No change breaks callers")
    expect(signed_in.get_by_role("button", name=re.compile("main.py"))).to_be_visible()
    signed_in.get_by_role("button", name="Cancel").click()
    assert active_version(settled, blank) == 1

    key = settled.api.post("/v1/api-keys", json={"environment": "staging"}).json()["key"]
    headers = {"Authorization": f"Bearer {key}"}
    job = settled.api.post(
        "/v1/jobs?wait=true", json={"skill": f"{blank}/double", "inputs": {"n": 2}}, headers=headers
    ).json()
    assert (job["status"], job["result"], job["environment"]) == ("succeeded", {"n": 6}, "staging")
    signed_in.goto(f"{settled.url}/jobs/{job['id']}")
    expect(signed_in.get_by_role("region", name="Job", exact=True)).to_contain_text("staging")
