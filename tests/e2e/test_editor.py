"""The editor: creating and publishing an agent with a tool, problems, conflicts, uploads and the command palette."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from backend.skills.archives.pack import pack_files
from tests.e2e.test_accessibility import assert_usable

NOTHING = b"""entrypoint: main.py:run
description: Returns nothing.
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {}}
"""
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture
def blank(settled: Any, request: pytest.FixtureRequest) -> str:
    """Create an empty skillpack, and return the slug."""
    slug = request.node.name.removeprefix("test_")[:50].replace("_", "-")
    made = settled.api.post("/v1/skillpacks", json={"slug": slug, "name": slug})
    assert made.status_code == 201, made.text
    return slug


TRANSFERRED = """
() => {
  const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
  return all.map(one => [one.transferSize, one.name]).sort(([one], [other]) => other - one);
}
"""
MAX_FIRST_LOAD_KB = 700


def test_first_load_of_the_builder_is_small(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/editor?file=skills/count/skill.yaml")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    expect(signed_in.get_by_role("region", name="Design").get_by_label("Title")).to_be_visible()
    sizes = signed_in.evaluate(TRANSFERRED)
    total = sum(size for size, _ in sizes)
    assert 100_000 < total <= MAX_FIRST_LOAD_KB * 1_000, f"{total:,} bytes: {sizes[:20]}"


def test_agent_with_a_tool_is_created_run_and_published(signed_in: Page, settled: Any, blank: str) -> None:
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    expect(signed_in.get_by_role("button", name="New skill…")).to_be_visible()
    expect(signed_in.get_by_role("button", name="Assistant")).to_have_count(0)  # there is no model
    signed_in.get_by_role("button", name="New skill…").click()
    signed_in.get_by_label("Name").fill("Count words")
    signed_in.get_by_label("Agent with a Python tool").check()
    signed_in.get_by_role("button", name="Create skill").click()
    expect(signed_in.get_by_role("region", name="Design")).to_be_visible()
    signed_in.get_by_role("button", name="Code", exact=True).click()
    code = signed_in.get_by_role("textbox", name="skills/count-words/skill.yaml")
    code.click()
    signed_in.keyboard.press("Control+Home")
    signed_in.keyboard.type("entrypont: x")
    signed_in.keyboard.press("Enter")
    problems = signed_in.get_by_role("list", name="Problems")
    expect(problems).to_contain_text("count-words/skill.yaml:1")
    expect(problems).to_contain_text("'entrypoint'")
    signed_in.keyboard.press("Control+Home")
    signed_in.keyboard.press("Shift+ArrowDown")
    signed_in.keyboard.press("Delete")
    expect(signed_in.get_by_text("No problems")).to_be_visible()
    expect(signed_in.get_by_label("Model")).to_have_value("")
    signed_in.get_by_role("button", name="First example").click()
    signed_in.get_by_role("button", name="Run").click()
    expect(signed_in.get_by_role("region", name="Result")).to_contain_text(
        "An answer about owls.", timeout=20_000
    )
    signed_in.get_by_role("button", name="Chat", exact=True).click()
    signed_in.get_by_role("button", name="Job", exact=True).click()
    expect(signed_in.get_by_role("textbox", name="text")).to_have_value("Owls hunt at night.")
    expect(signed_in.get_by_role("region", name="Result")).to_contain_text("An answer about owls.")
    signed_in.get_by_role("button", name="Publish draft…").click()
    dialog = signed_in.get_by_role("dialog", name="Publish")
    expect(dialog).to_contain_text("skills/count-words/tools.py")
    expect(dialog.get_by_role("region", name="Checks")).to_contain_text("The draft has no problems")
    dialog.get_by_label("Notes").fill("The first one")
    dialog.get_by_role("button", name="Publish and activate").click()
    expect(dialog).to_contain_text("Version 1 is published and active")
    expect(dialog).to_contain_text(f'"skill":"{blank}/count-words"')
    expect(dialog).to_contain_text('"environment":"production"')
    expect(dialog).to_contain_text("must contain an API key of Production")
    permissions = dialog.get_by_label("Permissions")
    permissions.select_option("Read only")
    dialog.get_by_text("Advanced: single scopes").click()
    expect(dialog.get_by_role("checkbox", name="jobs:read", exact=True)).to_be_checked()
    expect(dialog.get_by_role("checkbox", name="keys:write", exact=True)).to_have_count(1)
    dialog.get_by_role("checkbox", name="jobs:submit").check()
    expect(permissions).to_have_value("")
    permissions.select_option("Run this skill")
    dialog.get_by_role("button", name="Create API key").press("Enter")
    expect(dialog.get_by_role("status")).to_contain_text("shown only once")
    key = re.search(r"export PURAS_API_KEY=(puras_live_\S+)", dialog.locator("pre").inner_text())
    assert key
    with httpx.Client(base_url=settled.running.url, headers={"Authorization": f"Bearer {key[1]}"}) as called:
        me = called.get("/v1/me").json()
        assert me["skill_allowlist"] == [f"{blank}/count-words"], me
    body = {"skill": "count-words", "inputs": {"text": "Owls hunt at night."}}
    job = settled.api.post("/v1/jobs", params={"skillpack": blank, "wait": "true"}, json=body).json()
    assert (job["status"], job["deployment_version"]) == ("succeeded", 1)
    dialog.press("Escape")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    signed_in.get_by_role("button", name="Show graph").click()
    graph = signed_in.get_by_role("region", name="Graph", exact=True)
    expect(graph.get_by_role("group", name="count_words, Function")).to_be_visible()
    signed_in.goto(f"{settled.url}/jobs/{job['id']}?tab=transcript")
    signed_in.get_by_role("button", name="Graph", exact=True).click()
    expect(graph.get_by_role("group", name="count_words, Tool, 1 call")).to_be_visible()


COUNTING = b"""entrypoint: main.py:run  # the function
input_schema:
  type: object
  properties:
    # What is counted.
    text: {type: string}
  required: [text]
output_schema: {type: object, properties: {words: {type: integer}}}
x-team: reading  # an unknown key
"""


def test_edit_of_a_form_that_arrives_late_is_written_to_its_own_file(
    signed_in: Page, settled: Any, blank: str
) -> None:
    base = f"/v1/skillpacks/{blank}/drafts/files/skills/words"
    main = b"def run(text):\n    return {'words': len(text.split())}\n"
    assert settled.api.put(f"{base}/main.py", content=main).is_success
    assert settled.api.put(
        f"{base}/skill.yaml", content=COUNTING.replace(b"x-team: reading  # an unknown key\n", b"")
    ).is_success
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    description = (
        signed_in.get_by_role("region", name="Design").get_by_role("textbox", name="Description").first
    )
    expect(description).to_be_visible()
    held: list[Route] = []
    is_held = True
    signed_in.route(
        "**/v1/skill-yaml/edit", lambda route: held.append(route) if is_held else route.continue_()
    )
    with signed_in.expect_request("**/v1/skill-yaml/edit"):
        description.fill("Counts late")
        description.blur()
    signed_in.get_by_title("skills/words/main.py").first.click()
    code = signed_in.get_by_role("textbox", name="skills/words/main.py")
    expect(code).to_contain_text("def run")
    is_held = False
    with signed_in.expect_response(
        lambda one: one.url.endswith("/skill.yaml") and one.request.method == "PUT"
    ):
        for route in held:
            route.continue_()
    expect(code).to_contain_text("def run")
    assert b"Counts late" in settled.api.get(f"{base}/skill.yaml").content
    assert settled.api.get(f"{base}/main.py").content == main


def test_field_is_added_in_design_and_the_rest_of_the_text_stays(
    signed_in: Page, settled: Any, blank: str
) -> None:
    base = f"/v1/skillpacks/{blank}/drafts/files/skills/words"
    main = b"def run(text, unit='word'):\n    return {'words': len(text.split())}\n"
    valid = COUNTING.replace(b"x-team: reading  # an unknown key\n", b"")
    assert settled.api.put(f"{base}/main.py", content=main).is_success
    assert settled.api.put(f"{base}/skill.yaml", content=valid).is_success
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    code = signed_in.get_by_role("textbox", name="skills/words/skill.yaml")
    expect(code).to_contain_text("What is counted.")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    design = signed_in.get_by_role("region", name="Design")
    inputs = design.locator("section").filter(has=signed_in.get_by_role("heading", name="Inputs"))
    inputs.get_by_role("button", name="Add field", exact=True).click()
    name = inputs.get_by_role("textbox", name="Name of field", exact=True)
    expect(name).to_be_focused()
    signed_in.keyboard.type("unit")  # it replaces the selected name
    signed_in.keyboard.press("Enter")
    inputs.get_by_role("textbox", name="Description of unit").fill("What a word is")
    inputs.get_by_role("button", name="Move unit up").click()
    expect(inputs.get_by_role("group").first).to_have_accessible_name("Field unit")
    design.get_by_role("combobox", name="Network").select_option("No host")
    description = design.get_by_role("textbox", name="Description", exact=False).first
    description.fill("Counts words")
    signed_in.get_by_role("textbox", name="text").last.fill("Owls hunt")
    signed_in.get_by_role("button", name="Run", exact=False).last.click()
    expect(signed_in.get_by_role("region", name="Result")).to_contain_text("2", timeout=20_000)
    assert signed_in.evaluate("document.scrollingElement.scrollHeight") <= 900
    stored = settled.api.get(f"{base}/skill.yaml").content
    assert stored == valid.replace(b"function\n", b"function\ndescription: Counts words\n").replace(
        b"    # What", b"    unit: {type: string, description: What a word is}\n    # What"
    ).replace(b"integer}}}\n", b"integer}}}\nnetwork: none\n")

    assert_usable(signed_in, "editor, design")
    signed_in.set_viewport_size({"width": 390, "height": 844})
    assert_usable(signed_in, "editor, design, narrow")
    signed_in.set_viewport_size({"width": 1_280, "height": 900})
    signed_in.get_by_role("button", name="Code", exact=True).click()
    code.click()
    signed_in.keyboard.press("Control+z")
    expect(code).not_to_contain_text("Counts words")
    expect(code).to_contain_text("network: none")
    signed_in.keyboard.press("Control+End")
    signed_in.keyboard.type("- x")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    expect(design).to_contain_text("This is not valid YAML")
    design.get_by_role("button", name="Open code").click()
    expect(code).to_be_focused()
    signed_in.keyboard.press("Control+End")
    for _ in "- x":
        signed_in.keyboard.press("Backspace")
    signed_in.keyboard.type("timeout_s: 0")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    timeout = design.get_by_role("textbox", name="Timeout (seconds)")
    expect(timeout).to_have_attribute("aria-invalid", "true")
    signed_in.get_by_role("list", name="Problems").get_by_role("button").first.click()
    expect(timeout).to_be_focused()
    timeout.fill("60")
    signed_in.keyboard.press("Enter")
    expect(timeout).to_have_attribute("aria-invalid", "false")
    inputs.get_by_role("textbox", name="Name of unit").fill("kind")
    inputs.get_by_role("checkbox", name="unit is required").click()
    expect(inputs.get_by_role("checkbox", name="kind is required")).to_be_checked()
    expect(signed_in.get_by_text("Saved", exact=True)).to_be_visible()
    signed_in.reload()
    expect(inputs.get_by_role("checkbox", name="kind is required")).to_be_checked()


WEATHER = b"""entrypoint: prompt.md  # the prompt
title: Weather
input_schema:
  type: object
  properties:
    city: {type: string}  # where
  required: [city]
output_schema: {type: object, properties: {report: {type: text}}}
"""
DESIGNED = b"""tools:
  - name: count
    description: Count words.
    entrypoint: tools.py:count
    input_schema: {type: object, properties: {text: {type: string}}, required: [text]}
    output_schema: {type: object, properties: {}}
    confirm: true
  - name: words
    skill: words
    description: Counts words.
"""


def section_of(design: Locator, title: str) -> Locator:
    return design.locator("section").filter(has=design.page.get_by_role("heading", name=title))


def test_agent_gets_tools_instructions_guardrails_memory_and_evals_in_design(
    signed_in: Page, settled: Any, blank: str
) -> None:
    base = f"/v1/skillpacks/{blank}/drafts/files/skills"
    described = NOTHING.replace(b"Returns nothing.", b"Counts words.")
    for path, content in {
        "weather/skill.yaml": WEATHER,
        "weather/prompt.md": b"Report the weather.\n",
        "weather/tools.py": b'def count(text: str) -> dict:\n    """Count words."""\n    return {}\n',
        "words/skill.yaml": described,
        "words/main.py": b"def run():\n    return {}\n",
    }.items():
        assert settled.api.put(f"{base}/{path}", content=content).is_success
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}&file=skills/weather/skill.yaml")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    design = signed_in.get_by_role("region", name="Design")
    tools = section_of(design, "Tools")
    tools.get_by_role("combobox", name="Add function…").select_option("tools.py:count")
    function = tools.get_by_role("group", name="Tool count")
    expect(function).to_contain_text("count(text: str) -> dict")
    function.get_by_role("checkbox", name="Needs approval").check()
    tools.get_by_role("combobox", name="Add skill…").select_option("words")
    expect(tools.get_by_role("group", name="Tool words")).to_be_visible()
    expect(signed_in.get_by_text("Saved", exact=True)).to_be_visible()
    assert settled.api.get(f"{base}/weather/skill.yaml").content == WEATHER + DESIGNED

    tools.get_by_role("button", name="Add MCP server").click()
    server = tools.get_by_role("group", name="Tool MCP server")
    expect(server.get_by_role("textbox", name="URL")).to_be_focused()
    signed_in.keyboard.type("http://127.0.0.1/mcp")
    server.get_by_role("button", name="List its tools").click()
    server = tools.get_by_role("group", name="Tool 127.0.0.1")
    expect(server.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    server.get_by_role("button", name="Add Authorization").click()
    expect(server).to_contain_text("Secrets are sent only over HTTPS")
    links = signed_in.get_by_role("navigation", name="Sections of the form")
    expect(links.get_by_role("button", name="Tools")).to_contain_text("problem")
    server.get_by_role("button", name="Remove tool 127.0.0.1").click()
    tools.get_by_text("Built-in tools").click()
    for name, left in (("bash", 19), ("web_search", 18)):
        tools.get_by_role("checkbox", name=name).uncheck()
        expect(tools).to_contain_text(f"{left} of 20 on")

    instructions = section_of(design, "Instructions")
    instructions.get_by_role("combobox", name="Insert…").select_option("`city`")
    expect(instructions.get_by_role("textbox")).to_have_value("`city`Report the weather.\n")
    expect(instructions.get_by_role("status")).to_have_text("About 9 tokens")
    links.get_by_role("button", name="Guardrails").press("Enter")
    guardrails = section_of(design, "Guardrails")
    expect(guardrails).to_be_focused()
    guardrails.get_by_role("combobox", name="Add guardrail…").select_option("pii")
    guardrails.get_by_role("checkbox", name="Payment cards").check()
    memory = section_of(design, "Memory")
    for name in ("The agent can search", "Give each run", "city"):
        memory.get_by_role("checkbox", name=name).check()
    examples = section_of(design, "Examples")
    examples.get_by_role("button", name="Add example").click()
    examples.get_by_role("textbox", name="city").fill("Oslo")
    evals = section_of(design, "Evals")
    evals.get_by_role("button", name="Create cases from the examples").click()
    evals.get_by_role("combobox", name="Add grader…").select_option("schema")
    evals.get_by_role("checkbox", name="A version must pass").check()
    expect(evals.get_by_role("textbox", name="Runs that must pass")).to_have_value("90")
    expect(signed_in.get_by_text("Saved", exact=True)).to_be_visible()
    assert settled.api.get(f"/v1/skillpacks/{blank}/drafts/check").json()["problems"] == []
    [skill] = [
        one
        for one in settled.api.get(f"/v1/skillpacks/{blank}/drafts/check").json()["skills"]
        if one["name"] == "weather"
    ]
    assert (skill["disable_bash"], "web_search" in skill["allowed_tools"]) == (True, False)
    assert {"count", "words", "set_output"} <= set(skill["allowed_tools"])
    assert skill["rails"][0]["pii"] == ["email", "phone", "card"]
    assert (skill["memory"]["digest"], skill["memory"]["keys"]) == (True, ["city"])
    assert (skill["examples"][0]["inputs"], skill["eval_dataset"]) == ({"city": "Oslo"}, "cases.jsonl")
    assert skill["eval_gate"]["threshold"] == 90
    assert_usable(signed_in, "editor, design of an agent")
    only_reads = memory.get_by_role("checkbox", name="Only read")
    for is_broken, cases in ((True, b"{\n"), (False, b'{"inputs": {"city": "Oslo"}}\n')):
        put = settled.api.put(f"{base}/weather/cases.jsonl", content=cases, headers={"If-Match": "*"})
        assert put.is_success
        only_reads.set_checked(is_broken)  # the page validates the draft after each save
        expect(evals.get_by_text("This line is not JSON")).to_have_count(int(is_broken))
    signed_in.get_by_role("button", name="Publish draft…").click()
    dialog = signed_in.get_by_role("dialog", name="Publish")
    gate = dialog.get_by_role("region", name="Eval gate")
    expect(gate).to_contain_text("90 % of its runs must pass; each case runs once. No suite has run yet.")
    expect(dialog.get_by_role("button", name="Publish and run gate")).to_be_enabled()
    signed_in.keyboard.press("Escape")
    signed_in.set_viewport_size({"width": 390, "height": 844})
    assert_usable(signed_in, "editor, design of an agent, narrow")


def test_conflict_of_two_users_in_one_file_loses_no_text(signed_in: Page, settled: Any, blank: str) -> None:
    path = f"/v1/skillpacks/{blank}/drafts/files/skills/owls/SKILL.md"
    text = b"---\nname: owls\ndescription: Describes owls.\n---\nDescribe owls.\n"
    assert settled.api.put(path, content=text).status_code == 200
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    code = signed_in.get_by_role("textbox", name="skills/owls/SKILL.md")
    expect(code).to_contain_text("Describe owls.")
    theirs = settled.api.put(path, content=text + b"Theirs.\n", headers={"If-Match": "*"})
    assert theirs.status_code == 200
    code.click()
    signed_in.keyboard.press("Control+End")
    signed_in.keyboard.type("Mine.")
    conflict = signed_in.get_by_role("alert").filter(has_text="changed this file")
    expect(conflict).to_be_visible()
    signed_in.set_viewport_size({"width": 1280, "height": 800})
    message = conflict.locator(".say").bounding_box()
    assert message
    assert message["width"] > 150, "the message is readable next to its buttons"
    assert b"Theirs." in settled.api.get(path).content
    conflict.get_by_role("button", name="Compare").click()
    both = signed_in.get_by_role("dialog", name="Compare texts")
    expect(both.get_by_role("row", name="removed Theirs.")).to_be_visible()
    expect(both.get_by_role("row", name="added Mine.")).to_be_visible()
    both.get_by_role("button", name="Keep my text").click()
    expect(conflict).to_have_count(0)
    expect(signed_in.get_by_text("Saved", exact=True)).to_be_visible()
    assert settled.api.get(path).content.endswith(b"Mine.")


def test_a_deleted_file_is_restored(signed_in: Page, settled: Any, blank: str) -> None:
    reset = settled.api.post(f"/v1/skillpacks/{blank}/drafts/reset", json={"template": "starter"})
    assert reset.status_code == 200, reset.text
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    files = signed_in.get_by_role("navigation", name="Draft files")
    files.get_by_role("button", name="Delete skills/greet/main.py").click()
    expect(signed_in.get_by_role("list", name="Problems")).to_contain_text("main.py")
    files.get_by_text("Deleted (1)").click()
    files.get_by_role("button", name="Restore").click()
    expect(signed_in.get_by_text("No problems")).to_be_visible()


def test_publish_dialog_lists_removed_skills(signed_in: Page, settled: Any, blank: str) -> None:
    files = {
        f"skills/{name}/{file}": content
        for name in ("stays", "goes")
        for file, content in (
            ("main.py", b"def run():\n    return {}\n"),
            ("skill.yaml", NOTHING),
        )
    }
    pushed = settled.api.post(
        f"/v1/deployments?skillpack={blank}", files={"bundle": ("skills.zip", pack_files(files))}
    )
    assert pushed.status_code == 201, pushed.text
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    listed = signed_in.get_by_role("navigation", name="Draft files")
    for file in ("main.py", "skill.yaml"):
        listed.get_by_role("button", name=f"Delete skills/goes/{file}").click()
        expect(listed.get_by_role("button", name=f"Delete skills/goes/{file}")).to_have_count(0)
    signed_in.get_by_role("button", name="Publish draft…").click()
    dialog = signed_in.get_by_role("dialog", name="Publish")
    expect(dialog).to_contain_text("This removes a skill from the active version: goes.")
    expect(dialog.get_by_role("alert").first).not_to_contain_text("stays")


def _press_until_visible(page: Page, key: str, target: Locator) -> None:
    """Press a key until its dialog opens: a page handles keys a moment after its text is visible."""
    for _ in range(10):
        page.keyboard.press(key)
        with suppress(PlaywrightTimeout):
            target.wait_for(timeout=3_000)
            return
    expect(target).to_be_visible()


def test_command_palette_and_keyboard_shortcuts(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/jobs")
    live = signed_in.get_by_role("status").filter(has_text="Live")
    expect(live).to_be_visible()  # the page is visible before it handles keys
    shortcuts = signed_in.get_by_role("dialog", name="Keyboard shortcuts")
    _press_until_visible(signed_in, "?", shortcuts)
    expect(shortcuts).to_contain_text("Editor")
    signed_in.keyboard.press("Escape")
    signed_in.keyboard.press("g")
    signed_in.keyboard.press("e")
    expect(signed_in).to_have_url(f"{settled.url}/editor")
    expect(
        signed_in.get_by_role("heading", name="Editor")
    ).to_be_attached()  # the URL changes before the page
    palette = signed_in.get_by_role("combobox", name="Search pages")
    _press_until_visible(signed_in, "Control+k", palette)
    palette.fill("try count")
    expect(signed_in.get_by_role("option", name="Skills Try count", exact=True)).to_be_visible()
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(f"{settled.url}/play/count")


def test_markdown_preview_follows_the_text_and_renders_no_html(
    signed_in: Page, settled: Any, blank: str
) -> None:
    text = (
        b"---\nname: owls\n---\n\n# Owls *hunt*\n\n- at **night**\n- see [the atlas](https://example.org/a)\n\n"
        b"<script>alert(1)</script>\n\n| Bird | Legs |\n| --- | --- |\n| owl | 2 |\n\n![a wing](https://example.org/w.png)\n"
    )
    path = f"/v1/skillpacks/{blank}/drafts/files/skills/owls/SKILL.md"
    assert settled.api.put(path, content=text).is_success
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    code = signed_in.get_by_role("textbox", name="skills/owls/SKILL.md")
    expect(code).to_be_visible()
    signed_in.get_by_role("button", name="Preview").click()
    preview = signed_in.get_by_role("region", name="Preview")
    expect(preview.get_by_role("heading", name="Owls hunt")).to_be_visible()
    expect(preview.get_by_role("listitem")).to_have_count(2)
    expect(preview.get_by_role("link", name="the atlas")).to_have_attribute("rel", "noreferrer noopener")
    expect(preview.get_by_role("cell", name="owl")).to_be_visible()
    expect(preview).to_contain_text("<script>alert(1)</script>")
    assert preview.locator("script, img").count() == 0
    code.click()
    signed_in.keyboard.press("Control+End")
    signed_in.keyboard.type("\nThey are *quiet*.")
    expect(preview).to_contain_text("They are quiet.")


def test_folder_of_skills_is_uploaded(signed_in: Page, settled: Any, blank: str, tmp_path: Path) -> None:
    skill = tmp_path / "shop" / "skills" / "greet"
    skill.mkdir(parents=True)
    (skill / "skill.yaml").write_text("entrypoint: main.py:run\n", encoding="utf-8")
    (skill / "main.py").write_text("def run():\n    return {}\n", encoding="utf-8")
    (skill / "__pycache__").mkdir()
    (skill / "__pycache__" / "main.pyc").write_bytes(b"\0")
    (tmp_path / "shop" / "README.md").write_text("A shop.\n", encoding="utf-8")
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    signed_in.get_by_role("button", name="New skill…").click()
    signed_in.get_by_label("Folder of skills").set_input_files(tmp_path / "shop")
    expect(signed_in.get_by_role("textbox", name="skills/greet/skill.yaml")).to_be_visible()
    files = settled.api.get(f"/v1/skillpacks/{blank}/drafts").json()["files"]
    assert sorted(one["path"] for one in files) == ["skills/greet/main.py", "skills/greet/skill.yaml"]
    signed_in.get_by_role("button", name="New skill…").click()
    signed_in.get_by_label("Folder of skills").set_input_files(tmp_path / "shop")
    expect(signed_in.get_by_role("dialog").get_by_role("alert")).to_contain_text("already exists")


AGENT_SKILL = b"""---
name: owls
description: Describes owls.
---
Describe owls.
"""


def test_agent_skill_is_uploaded_and_gets_a_form(
    signed_in: Page, settled: Any, blank: str, tmp_path: Path
) -> None:
    zipped = tmp_path / "owls.zip"
    zipped.write_bytes(
        pack_files({"skills/owls/SKILL.md": AGENT_SKILL, "skills/owls/references/a.md": b"Owls."})
    )
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    signed_in.get_by_role("button", name="New skill…").click()
    signed_in.get_by_label("ZIP file of skills").set_input_files(zipped)
    expect(signed_in.get_by_role("textbox", name="skills/owls/skill.yaml")).to_contain_text("SKILL.md")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    design = signed_in.get_by_role("region", name="Design")
    expect(design.get_by_role("textbox", name="Description", exact=False).first).to_have_value(
        "Describes owls."
    )
    expect(section_of(design, "Instructions").get_by_role("textbox")).to_have_value(AGENT_SKILL.decode())
    files = f"/v1/skillpacks/{blank}/drafts/files/skills/owls"
    assert settled.api.get(f"{files}/SKILL.md").content == AGENT_SKILL
    assert settled.api.delete(f"{files}/skill.yaml").is_success
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}&file=skills/owls/SKILL.md")
    signed_in.get_by_role("button", name="Design", exact=True).click()
    expect(section_of(design, "Instructions")).to_be_visible()


def test_curl_command_becomes_an_agent_with_a_tool(signed_in: Page, settled: Any, blank: str) -> None:
    signed_in.goto(f"{settled.url}/editor?skillpack={blank}")
    signed_in.get_by_role("button", name="New skill…").click()
    dialog = signed_in.get_by_role("dialog", name="New skill")
    dialog.get_by_label("Name").fill("Orders")
    dialog.get_by_label("Agent with tools for an API").check()
    source = dialog.get_by_label("curl command or OpenAPI document")
    source.fill("curl ftp://example.org")
    expect(dialog.get_by_role("alert")).to_contain_text("not the URL of a public server")
    source.fill("curl https://api.example.org/v1/orders?page=1 -H 'Authorization: Bearer abc123'")
    expect(dialog.get_by_role("checkbox", name="get_orders")).to_be_checked()
    expect(dialog).to_contain_text("EXAMPLE_TOKEN")
    assert_usable(signed_in, "editor, new skill from an API")
    dialog.get_by_role("button", name="Create skill").click()
    design = signed_in.get_by_role("region", name="Design")
    expect(design.get_by_role("group", name="Tool get_orders")).to_be_visible()
    expect(signed_in.get_by_text("No problems")).to_be_visible()
    [skill] = settled.api.get(f"/v1/skillpacks/{blank}/drafts/check").json()["skills"]
    assert skill["network"] == ["api.example.org"]
    written = settled.api.get(f"/v1/skillpacks/{blank}/drafts/files/skills/orders/tools.py").text
    assert "secret('EXAMPLE_TOKEN')" in written
    assert "abc123" not in written
    expect(design.get_by_role("textbox", name="Hosts 1")).to_have_value("api.example.org")
    tools = section_of(design, "Tools")
    tools.get_by_role("button", name="Add from an API…").click()
    dialog = signed_in.get_by_role("dialog", name="Add tools from an API")
    source = dialog.get_by_label("curl command or OpenAPI document")
    source.fill('curl https://mail.example.net/send --json \'{"to": "me"}\'')
    expect(dialog.get_by_role("checkbox", name="post_send")).to_be_checked()
    dialog.get_by_role("button", name="Add tools").click()
    expect(tools.get_by_role("group", name="Tool post_send")).to_contain_text("post_send(to='me')")
    expect(signed_in.get_by_text("Saved", exact=True)).to_be_visible()
    [skill] = settled.api.get(f"/v1/skillpacks/{blank}/drafts/check").json()["skills"]
    assert skill["network"] == ["api.example.org", "mail.example.net"]
    assert [(one["entrypoint"], one["confirm"]) for one in skill["tools"]] == [
        ("tools.py:get_orders", False),
        ("api.py:post_send", True),
    ]
