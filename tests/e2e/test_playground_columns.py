"""The playground: versions, models and prompts side by side, differences between results, and saved runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from backend.skills.archives.pack import pack_files

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PACK = "birds"
RUN_WITHIN_MS = 40_000
AGENT = b"""entrypoint: prompt.md
description: Describes a bird.
input_schema: {type: object, properties: {bird: {type: string}}, required: [bird]}
output_schema: {type: object, properties: {tale: {type: string}, legs: {type: integer}}}
examples:
  - {title: An owl, inputs: {bird: owl}, outputs: {tale: Once an owl., legs: 2}}
"""


def function(word: str) -> dict[str, bytes]:
    """Return a function that returns a word of its version, and an agent."""
    result = f"{{'said': '{word} ' + name, 'times': times, 'words': ['a', '{word}']}}"
    code = f"def run(name, times=1):\n    return {result}\n"
    skill = b"""entrypoint: main.py:run
description: Says a word.
network: none
input_schema: {type: object, required: [name], properties: {name: {type: string}, times: {type: integer, maximum: 9}}}
output_schema: {type: object, properties: {said: {type: string}, times: {type: integer}, words: {type: array}}}
"""
    return {
        "skills/say/skill.yaml": skill,
        "skills/say/main.py": code.encode(),
        "skills/describe/skill.yaml": AGENT,
        "skills/describe/prompt.md": b"Describe the bird.\n",
    }


@pytest.fixture(scope="module")
def birds(settled: Any) -> str:
    """Create a skillpack with two versions, and return the slug."""
    made = settled.api.post("/v1/skillpacks", json={"slug": PACK, "name": "Birds"})
    assert made.status_code == 201, made.text
    for word in ("hello", "goodbye"):
        pushed = settled.api.post(
            f"/v1/skillpacks/{PACK}/deployments",
            files={"bundle": ("skills.zip", pack_files(function(word)))},
        )
        assert pushed.status_code == 201, pushed.text
    return PACK


def column(page: Page, number: int) -> Locator:
    return page.get_by_role("article", name=f"Column {number}")


def open_two_versions(page: Page, settled: Any, birds: str) -> None:
    page.goto(f"{settled.url}/play/say?skillpack={birds}")
    page.get_by_label("name").fill("Ada")
    page.get_by_role("button", name="Compare…").click()
    page.get_by_label("Version of column 2").select_option("1")
    expect(page.get_by_label("name")).to_have_value("Ada")


def test_skill_of_another_skillpack_is_shown_with_its_full_name(
    signed_in: Page, settled: Any, birds: str
) -> None:
    signed_in.goto(settled.url)
    signed_in.get_by_role("main").get_by_role("link", name=f"{birds}/say").click()
    expect(signed_in).to_have_url(f"{settled.url}/play/say?skillpack={birds}")
    expect(signed_in.get_by_role("heading", name=f"{birds}/say")).to_be_visible()
    run = settled.api.post("/v1/jobs?wait=true", json={"skill": f"{birds}/say", "inputs": {"name": "Ada"}})
    signed_in.goto(f"{settled.url}/jobs")
    row = signed_in.get_by_role("row").filter(has_text=run.json()["id"][-8:])
    expect(row).to_contain_text(f"{birds}/say")
    row.get_by_role("link").click()
    expect(signed_in.get_by_role("heading", name=f"{birds}/say")).to_be_visible()


def test_two_versions_run_side_by_side_with_highlighted_differences(
    signed_in: Page, settled: Any, birds: str
) -> None:
    open_two_versions(signed_in, settled, birds)
    signed_in.keyboard.press("Control+Enter")
    expect(column(signed_in, 1)).to_contain_text("goodbye Ada", timeout=RUN_WITHIN_MS)
    expect(column(signed_in, 2)).to_contain_text("hello Ada", timeout=RUN_WITHIN_MS)
    expect(signed_in.get_by_text("2 values differ")).to_be_visible()
    highlighted = column(signed_in, 2).get_by_role("mark")
    expect(highlighted).to_have_text(["hello Ada", "hello"])
    signed_in.get_by_role("tab", name="JSON").click()
    expect(column(signed_in, 1).locator("mark")).to_have_text(['"goodbye Ada"', '"goodbye"'])
    for number in (1, 2):
        expect(column(signed_in, number)).to_contain_text("Cost")
        expect(column(signed_in, number)).to_contain_text("Duration")


def test_url_restores_columns_runs_and_inputs(signed_in: Page, settled: Any, birds: str) -> None:
    open_two_versions(signed_in, settled, birds)
    signed_in.get_by_role("button", name="Run all").click()
    expect(signed_in.get_by_text("2 values differ")).to_be_visible(timeout=RUN_WITHIN_MS)
    signed_in.reload()
    expect(signed_in.get_by_label("name")).to_have_value("Ada")
    expect(signed_in.get_by_label("Version of column 2")).to_have_value("1")
    expect(signed_in.get_by_text("2 values differ")).to_be_visible()


def test_single_column_is_run_and_removed(signed_in: Page, settled: Any, birds: str) -> None:
    open_two_versions(signed_in, settled, birds)
    signed_in.get_by_role("button", name="Run column 2").click()
    expect(column(signed_in, 2)).to_contain_text("hello Ada", timeout=RUN_WITHIN_MS)
    expect(column(signed_in, 1)).to_contain_text("Fill in the form")
    signed_in.get_by_role("button", name="Remove column 1").click()
    expect(signed_in.get_by_role("article")).to_have_count(1)
    expect(column(signed_in, 1)).to_contain_text("hello Ada")


def test_viewer_cannot_run_a_skill_and_sees_the_reason(
    signed_in: Page, settled: Any, birds: str, as_viewer: Callable[[Page], None]
) -> None:
    as_viewer(signed_in)
    signed_in.goto(f"{settled.url}/play/say?skillpack={birds}")
    expect(signed_in.get_by_text("Viewers cannot run skills")).to_be_visible()
    expect(signed_in.locator(".run-bar").get_by_role("button", name="Run")).to_be_disabled()
    jobs = len(settled.api.get("/v1/jobs").json())
    signed_in.keyboard.press("Control+Enter")
    signed_in.wait_for_timeout(500)
    assert len(settled.api.get("/v1/jobs").json()) == jobs


def test_validation_error_is_shown_at_its_field(signed_in: Page, settled: Any, birds: str) -> None:
    open_two_versions(signed_in, settled, birds)
    signed_in.get_by_label("times").fill("10")
    signed_in.get_by_role("button", name="Run all").click()
    expect(signed_in.get_by_label("times")).to_have_attribute("aria-invalid", "true")
    expect(column(signed_in, 2).get_by_role("alert")).to_be_visible()


def test_prompt_is_edited_for_one_column_without_changing_the_draft(
    signed_in: Page, settled: Any, birds: str
) -> None:
    signed_in.goto(f"{settled.url}/play/describe?skillpack={birds}")
    signed_in.get_by_role("button", name="An owl").click()
    signed_in.get_by_role("button", name="Prompt of column 1").click()
    dialog = signed_in.get_by_role("dialog", name="Prompt of column 1")
    expect(dialog.get_by_label("Prompt", exact=True)).to_have_value("Describe the bird.\n")
    dialog.get_by_label("Prompt", exact=True).fill("Sing of the bird.\n")
    dialog.get_by_role("button", name="Use in this column").click()
    expect(signed_in.get_by_role("button", name="Prompt of column 1")).to_have_text("Prompt edited")
    signed_in.get_by_role("button", name="Run", exact=False).first.click()
    expect(column(signed_in, 1)).to_contain_text("Once an owl.", timeout=RUN_WITHIN_MS)
    signed_in.get_by_role("link", name="Open the job").click()
    expect(signed_in.get_by_role("region", name="Job")).to_contain_text("draft")
    path = f"/v1/skillpacks/{birds}/drafts/files/skills/describe/prompt.md"
    assert settled.api.get(path).content == b"Describe the bird.\n"


@pytest.mark.parametrize("times", [1, 400], ids=["short", "long"])
def test_edited_prompt_is_restored_after_a_reload(
    signed_in: Page, settled: Any, birds: str, times: int
) -> None:
    words = "Sing~of the bird & its nest.\n" * times
    signed_in.goto(f"{settled.url}/play/describe?skillpack={birds}")
    prompt = signed_in.get_by_role("button", name="Prompt of column 1")
    dialog = signed_in.get_by_role("dialog", name="Prompt of column 1")
    prompt.click()
    dialog.get_by_label("Prompt", exact=True).fill(words)
    dialog.get_by_role("button", name="Use in this column").click()
    expect(prompt).to_have_text("Prompt edited")
    signed_in.reload()
    expect(prompt).to_have_text("Prompt edited")
    prompt.click()
    expect(dialog.get_by_label("Prompt", exact=True)).to_have_value(words)
    with signed_in.context.new_page() as elsewhere:
        elsewhere.goto(signed_in.url)
        own = elsewhere.get_by_role("button", name="Prompt of column 1")
        expect(own).to_have_text("Prompt edited" if times == 1 else "Prompt")
        found = column(elsewhere, 1).get_by_role("alert")
        expect(found).to_have_count(0 if times == 1 else 1)


def test_run_is_saved_as_example_and_eval_case_and_shown_as_code(
    signed_in: Page, settled: Any, birds: str
) -> None:
    signed_in.goto(f"{settled.url}/play/describe?skillpack={birds}")
    signed_in.get_by_label("bird").fill("wren")
    signed_in.keyboard.press("Control+Enter")
    result = column(signed_in, 1).get_by_role("region", name="Result")
    expect(result).to_contain_text("Once an owl.", timeout=RUN_WITHIN_MS)
    signed_in.get_by_role("button", name="Save example…").click()
    dialog = signed_in.get_by_role("dialog")
    dialog.get_by_label("Title").fill("A wren")
    dialog.get_by_role("button", name="Save example").click()
    expect(dialog).to_contain_text("in skill.yaml of the draft")
    dialog.get_by_role("button", name="Done").click()
    checked = settled.api.get(f"/v1/skillpacks/{birds}/drafts/check").json()
    found = next(one for one in checked["skills"] if one["name"] == "describe")["examples"][-1]
    assert (found["title"], found["inputs"]) == ("A wren", {"bird": "wren"})
    assert found["outputs"]["tale"] == "Once an owl."
    signed_in.get_by_role("button", name="Save eval case…").click()
    dialog.get_by_role("button", name="Save eval case").click()
    expect(dialog).to_contain_text("with its result as the expected output")
    dialog.get_by_role("button", name="Done").click()
    cases = settled.api.get("/v1/eval-cases", params={"skillpack": birds, "skill": "describe"}).json()
    assert cases[0]["inputs"] == {"bird": "wren"}
    signed_in.get_by_role("button", name="Code…").click()
    for language, said in (
        ("curl", '"birds/describe"'),
        ("Python", "client.run_job("),
        ("Terminal", "puras run "),
        ("TypeScript", "await fetch"),
        ("MCP", '"submit_job"'),
        ("OpenAI SDK", "client.chat.completions.create("),
    ):
        dialog.get_by_role("tab", name=language).click()
        expect(dialog).to_contain_text(said)
        expect(dialog).to_contain_text("wren")


def test_empty_wallet_shows_its_balance_and_how_to_add_credit(signed_in: Page, settled: Any) -> None:
    files = function("hello")
    files["skills/say/skill.yaml"] += b"limits: {cost_usd: 0.5}\n"
    with httpx.Client(base_url=settled.running.url, cookies=cookies_of(signed_in), timeout=30) as client:
        client.headers["X-CSRF-Token"] = client.get("/v1/me").json()["csrf_token"]
        made = client.post("/v1/projects", json={"name": "Poor"})
        assert made.status_code == 201, made.text
        slug = made.json()["slug"]
        pushed = client.post(
            "/v1/deployments",
            headers={"X-Puras-Project": slug},
            files={"bundle": ("skills.zip", pack_files(files))},
        )
        assert pushed.status_code == 201, pushed.text
    signed_in.goto(f"{settled.running.url}/p/{slug}/play/say")
    signed_in.get_by_label("name").fill("Ada")
    signed_in.keyboard.press("Control+Enter")
    refusal = column(signed_in, 1).get_by_role("alert")
    expect(refusal).to_contain_text("Balance: $0")
    expect(refusal).to_contain_text(f"puras-studio topup {slug} 5")


def cookies_of(page: Page) -> dict[str, str]:
    return {one["name"]: one["value"] for one in page.context.cookies()}


def test_a_key_right_after_an_example_runs_the_example(signed_in: Page, settled: Any, birds: str) -> None:
    signed_in.goto(f"{settled.url}/play/describe?skillpack={birds}")
    example = signed_in.get_by_role("button", name="An owl")
    expect(example).to_be_visible()
    signed_in.evaluate(
        """async () => {
            document.querySelector(".examples button").click();
            await null; // the page has been drawn, but no timer has run
            dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", ctrlKey: true, cancelable: true}));
        }"""
    )
    expect(column(signed_in, 1)).to_contain_text("Succeeded", timeout=RUN_WITHIN_MS)
    expect(column(signed_in, 1)).to_contain_text("Once an owl.")
