"""The canvas of flows: a flow is built without typing YAML, run, and its steps are changed in place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from backend.skills.archives.pack import pack_files
from tests.e2e.test_accessibility import assert_usable
from tests.e2e.test_notebook_page import take_screenshot

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
TALLY = {
    "skills/tally/main.py": b"def run(words):\n    return {'total': len(words.split())}\n",
    "skills/tally/skill.yaml": b"""entrypoint: main.py:run
input_schema: {type: object, properties: {words: {type: string}}, required: [words]}
output_schema: {type: object, properties: {total: {type: integer}}}
""",
}
GREET = {
    "greet/main.py": b"def run(name):\n    return {'text': 'Hello, ' + name}\n",
    "greet/skill.yaml": b"""entrypoint: main.py:run
input_schema: {type: object, properties: {name: {type: string}}, required: [name]}
output_schema: {type: object, properties: {text: {type: string}}}
""",
}
JUDGING = """\
steps:
  - id: judge
    for_each: ${{ inputs.items }}
    prompt: "Judge ${{ item }}."
    output_schema: {type: object, properties: {mark: {type: string}}}
output: {results: "${{ steps.judge }}"}
"""
FLOW = """\
# Counts texts.
steps:
  # Each text is counted.
  - id: count   # one job for each
    for_each: ${{ inputs.items }}
    skill: tally
    inputs: {words: "${{ item }}"}
  - id: choice
    switch:
      - when: ${{ size(steps.count) > 3 }}
        steps:
          - id: sign
            approval: {message: "Publish?"}
    default:
      - id: rest
        wait: {duration: 1s}
  - id: note
    emit: {type: counted, data: {n: "${{ size(steps.count) }}"}}
output:
  results: ${{ steps.count }}   # all of them
"""
SKILL = b"""entrypoint: flow.yaml
input_schema: {type: object, properties: {items: {type: array, items: {type: string}}}, required: [items]}
output_schema: {type: object, properties: {results: {type: array}}}
"""


@pytest.fixture
def pack(settled: Any, request: pytest.FixtureRequest) -> str:
    """Create a skillpack with a function in its draft, and return the slug."""
    slug = request.node.name.removeprefix("test_")[:40].replace("_", "-")
    assert settled.api.post("/v1/skillpacks", json={"slug": slug, "name": slug}).status_code == 201
    bundle = {"bundle": ("pack.zip", pack_files(TALLY))}
    assert settled.api.post(f"/v1/skillpacks/{slug}/drafts/import", files=bundle).is_success
    return slug


def node(canvas: Locator, name: str) -> Locator:
    """Return a node of the canvas by the start of its label."""
    return canvas.locator(f'.react-flow__node[aria-label^="{name}"]')


def drag(page: Page, moved: Locator, target: Locator) -> None:
    """Drag a node below the head of a case."""
    start, end = moved.bounding_box(), target.bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 40, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(end["x"] + 40, end["y"] + 60, steps=6)
    page.mouse.up()


def drag_with_finger(page: Page, moved: Locator, by: int) -> None:
    """Drag a node to the right on a touch screen, which the page had when it was loaded."""
    start = moved.bounding_box()
    assert start
    session = page.context.new_cdp_session(page)
    for kind, distance in (("touchStart", 0), ("touchMove", by // 2), ("touchMove", by)):
        point = {"x": start["x"] + 60 + distance, "y": start["y"] + 20}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_flow_is_built_on_the_canvas_and_run(signed_in: Page, settled: Any, pack: str) -> None:
    signed_in.goto(f"{settled.url}/editor?skillpack={pack}")
    signed_in.get_by_role("button", name="New skill…").click()
    signed_in.get_by_role("textbox", name="Name").fill("Count texts")
    signed_in.get_by_role("radio", name="Flow Steps").check()
    signed_in.get_by_role("button", name="Create skill").click()
    canvas = signed_in.get_by_role("region", name="Canvas", exact=True)
    canvas.get_by_role("button", name="For each").click()
    each = node(canvas, "each_tally,")
    each.hover()
    each.get_by_role("button", name="Add step after each_tally").click()
    canvas.get_by_role("list", name="Kinds of steps").get_by_role("button", name="Approval").click()
    expect(node(canvas, "approve,")).to_be_visible()
    canvas.get_by_role("textbox", name="Message").fill("Return the results?")
    canvas.get_by_role("button", name="Fit", exact=True).click()
    result = node(canvas, "Result")
    result.click()
    field = canvas.get_by_role("textbox", name="results")
    expect(field).to_have_value("${{ steps.each_tally }}")
    canvas.get_by_role("combobox", name="Insert value into results").select_option("inputs.items")
    expect(canvas).to_contain_text("The flow returns its inputs")
    expect(result.get_by_role("img", name="1 warning")).to_have_text("!")
    expect(signed_in.get_by_role("list", name="Problems")).to_contain_text("The flow returns its inputs")
    take_screenshot(signed_in, "canvas-warning")
    each.click()
    expect(field).to_have_count(0)
    signed_in.get_by_role("list", name="Problems").get_by_role(
        "button", name="The flow returns its inputs"
    ).click()
    expect(field).to_be_visible()  # the problem leads to its node on the canvas
    each.locator(".cv-out").drag_to(node(canvas, "Result").locator(".cv-in"))
    expect(canvas.get_by_role("combobox", name="Value")).to_be_visible()
    with signed_in.expect_response(
        lambda one: one.request.method == "PUT" and "steps.each_tally }}" in (one.request.post_data or "")
    ):
        canvas.get_by_role("button", name="Connect", exact=True).click()
    expect(signed_in.get_by_text("No problems")).to_be_visible()
    stored = settled.api.get(f"/v1/skillpacks/{pack}/drafts/files/skills/count-texts/flow.yaml").text
    assert stored == (
        "# Add steps here or on the canvas. Until then, the result consists of the inputs.\n"
        "steps:\n"
        "  - id: each_tally\n"
        "    for_each: ${{ inputs.items }}\n"
        "    skill: tally\n"
        "    inputs:\n"
        "      words: ${{ item }}\n"
        "  - id: approve\n"
        "    approval:\n"
        "      message: Return the results?\n"
        "      show: ${{ steps.each_tally }}\n"
        "output:\n"
        "  results: ${{ steps.each_tally }}\n"
    )
    signed_in.get_by_role("button", name="Try", exact=True).click()
    for text in ("Owls hunt", "at night"):
        signed_in.get_by_role("button", name="Add to items").click()
        signed_in.get_by_role("textbox", name="items").last.fill(text)
    signed_in.get_by_role("button", name="Run", exact=False).last.click()
    signed_in.get_by_role("link", name="Open the job").click()
    signed_in.get_by_role("button", name="Canvas", exact=True).click()
    canvas = signed_in.get_by_role("region", name="Canvas", exact=True)
    expect(node(canvas, "each_tally,")).to_contain_text("2 elements, 2 succeeded")
    expect(node(canvas, "approve,")).to_contain_text("Waiting")
    expect(signed_in.get_by_role("group", name="Data to review")).to_contain_text("total")
    take_screenshot(signed_in, "job-approval")
    signed_in.get_by_role("button", name="Approve").first.click()
    expect(node(canvas, "approve,")).to_contain_text("Succeeded")
    node(canvas, "each_tally,").focus()
    signed_in.keyboard.press("Enter")
    expect(canvas.get_by_role("list", name="Elements of each_tally")).to_contain_text('"total":2')
    assert_usable(signed_in, "job, canvas")

    signed_in.go_back()  # the inputs and the job of the panel are kept
    signed_in.get_by_role("button", name="Try", exact=True).click()
    expect(signed_in.get_by_role("textbox", name="items").last).to_have_value("at night")
    expect(signed_in.get_by_role("region", name="Result")).to_contain_text("2")


def test_flow_for_each_row_of_a_file_needs_few_actions(
    signed_in: Page, settled: Any, pack: str, tmp_path: Path
) -> None:
    files = f"/v1/skillpacks/{pack}/drafts/files/skills"
    for name, text in GREET.items():
        assert settled.api.put(f"{files}/{name}", content=text).is_success
    signed_in.set_viewport_size({"width": 1280, "height": 800})
    signed_in.goto(f"{settled.url}/editor?skillpack={pack}&new")
    dialog = signed_in.get_by_role("dialog", name="New skill")
    dialog.get_by_role("textbox", name="Name").fill("Count rows")
    dialog.get_by_role("radio", name="Flow Steps").check()
    dialog.get_by_role("button", name="Create skill").click()
    canvas = signed_in.get_by_role("region", name="Canvas", exact=True)
    canvas.get_by_role("button", name="For each").click()
    expect(node(canvas, "each_greet,")).to_be_visible()
    skill = canvas.get_by_role("combobox", name="Skill", exact=True)
    skill.select_option("tally")
    expect(node(canvas, "each_tally,")).to_be_visible()
    expect(skill).to_be_focused()
    expect(canvas.get_by_role("textbox", name="words")).to_have_value("${{ item }}")
    canvas.get_by_role("button", name="Add step", exact=True).click()
    canvas.get_by_role("list", name="Kinds of steps").get_by_role("button", name="Approval").click()
    expect(signed_in.get_by_text("No problems")).to_be_visible()
    assert is_without_scrollbar(signed_in)
    show(signed_in, "canvas-rows")

    signed_in.get_by_role("button", name="Try", exact=True).click()
    for name in ("Inputs", "each_tally,", "approve,", "Result"):
        expect(node(canvas, name)).to_be_in_viewport(ratio=0.99)
    assert is_without_scrollbar(signed_in)
    rows = tmp_path / "rows.csv"
    rows.write_text("customer,text\nAda,Owls hunt\nGrace,at night now\n", encoding="utf-8")
    signed_in.get_by_label("CSV file for items").set_input_files(rows)
    signed_in.get_by_role("button", name="Use column text").click()
    show(signed_in, "canvas-try")
    expect(signed_in.get_by_text("No language model is configured")).to_have_count(0)  # it calls functions
    signed_in.get_by_role("button", name="Run", exact=False).last.click()
    asked = signed_in.get_by_role("group", name="Calls awaiting approval")
    expect(asked).to_contain_text("Continue?")
    expect(asked.get_by_role("group", name="Data to review").get_by_role("definition")).to_have_text(
        ["2", "3"]
    )
    show(signed_in, "canvas-approval")
    asked.get_by_role("button", name="Approve").click()
    expect(signed_in.get_by_role("region", name="Result")).to_contain_text("3")
    stored = settled.api.get(f"{files}/count-rows/flow.yaml").text
    assert "  - id: each_tally\n" in stored
    assert "output:\n  results: ${{ steps.each_tally }}\n" in stored


def test_changed_id_stays_when_another_skill_is_chosen(signed_in: Page, settled: Any, pack: str) -> None:
    for name, text in GREET.items():
        path = f"/v1/skillpacks/{pack}/drafts/files/skills/{name}"
        assert settled.api.put(path, content=text).is_success
    canvas = opened(signed_in, settled, pack)
    node(canvas, "count,").click()
    canvas.get_by_role("combobox", name="Skill", exact=True).select_option("greet")
    expect(canvas.get_by_role("textbox", name="name")).to_have_value("${{ item }}")
    expect(canvas.get_by_role("textbox", name="words")).to_have_count(0)
    expect(node(canvas, "count,")).to_be_visible()
    expect(signed_in.get_by_text("No problems")).to_be_visible()


def test_simulated_steps_are_announced_before_a_run_and_marked_after_it(
    signed_in: Page, settled: Any, pack: str
) -> None:
    opened(signed_in, settled, pack, JUDGING)
    signed_in.get_by_role("button", name="Try", exact=True).click()
    note = signed_in.get_by_role("note").filter(has_text="No language model is configured")
    link = note.get_by_role("link", name="Add an API key of a provider")
    expect(link).to_have_attribute("href", re.compile(r"/settings/providers$"))
    signed_in.get_by_role("button", name="Add to items").click()
    signed_in.get_by_role("textbox", name="items").last.fill("Owls")
    show(signed_in, "try-without-model")
    signed_in.get_by_role("button", name="Run", exact=False).last.click()
    expect(signed_in.get_by_role("region", name="Result")).to_be_visible(timeout=60_000)
    expect(signed_in.get_by_text("The result contains what simulated steps")).to_be_visible()
    show(signed_in, "try-simulated")
    [job] = settled.api.get("/v1/jobs", params={"skill": "counting", "limit": 1}).json()
    assert job["simulated"]


def show(page: Page, name: str) -> None:
    """Take screenshots in both color schemes."""
    take_screenshot(page, f"{name}-light")
    page.emulate_media(color_scheme="dark")
    take_screenshot(page, f"{name}-dark")
    page.emulate_media(color_scheme="light")


def is_without_scrollbar(page: Page) -> bool:
    """Return whether neither the document nor a part of the form of the canvas is wider than the window."""
    return bool(
        page.evaluate(
            "document.documentElement.scrollWidth <= innerWidth && [...document.querySelectorAll('.canvas-side *')]"
            ".every((one) => one.getBoundingClientRect().right <= innerWidth)"
        )
    )


def folder_of(pack: str) -> str:
    """Return the route of the files of the flow in the draft."""
    return f"/v1/skillpacks/{pack}/drafts/files/skills/counting"


def opened(signed_in: Page, settled: Any, pack: str, text: str = FLOW) -> Locator:
    """Write a flow to the draft, and return its canvas in the editor."""
    assert settled.api.put(f"{folder_of(pack)}/skill.yaml", content=SKILL).is_success
    assert settled.api.put(f"{folder_of(pack)}/flow.yaml", content=text.encode()).is_success
    signed_in.goto(f"{settled.url}/editor?skillpack={pack}&file=skills/counting/flow.yaml")
    signed_in.get_by_role("button", name="Canvas", exact=True).click()
    return signed_in.get_by_role("region", name="Canvas", exact=True)


def test_dragged_steps_stay_at_their_places_until_they_are_tidied_up(
    signed_in: Page, settled: Any, pack: str
) -> None:
    canvas = opened(signed_in, settled, pack)
    note = node(canvas, "note,")
    before = note.bounding_box()
    assert before
    expect(note.locator(".cv-out")).to_have_css("padding", "0px")  # a dot, to which lines lead
    tidy = canvas.get_by_role("button", name="Tidy up")
    expect(tidy).to_be_disabled()
    signed_in.mouse.move(before["x"] + 60, before["y"] + 20)
    signed_in.mouse.down()
    signed_in.mouse.move(before["x"] + 90, before["y"] + 30, steps=4)
    signed_in.mouse.up()
    expect(tidy).to_be_enabled()
    note.focus()
    signed_in.keyboard.press("Enter")
    signed_in.keyboard.press("Shift+ArrowRight")
    expect(signed_in.get_by_role("status", name="Save status")).to_have_text("Saved")
    stored = settled.api.get(f"{folder_of(pack)}/flow.yaml").text
    assert stored.startswith(FLOW)
    assert re.fullmatch(r"x-canvas:\n  note: \[\d+, \d+\]\n", stored.removeprefix(FLOW)), stored
    touch = signed_in.context.new_cdp_session(signed_in)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    signed_in.reload()
    signed_in.get_by_role("button", name="Canvas", exact=True).click()
    expect(tidy).to_be_enabled()
    after = note.bounding_box()
    assert after
    assert after["x"] > before["x"] + 20
    tidy.click()
    expect(tidy).to_be_disabled()
    expect(signed_in.get_by_role("status", name="Save status")).to_have_text("Saved")
    assert settled.api.get(f"{folder_of(pack)}/flow.yaml").text == FLOW
    drag_with_finger(signed_in, note, 40)
    expect(tidy).to_be_enabled()
    expect(signed_in.get_by_role("status", name="Save status")).to_have_text("Saved")
    assert settled.api.get(f"{folder_of(pack)}/flow.yaml").text.startswith(FLOW)


MAX_SCRIPT_MS = 16
FRAMES = 60


def test_script_of_a_frame_takes_little_time_while_2000_nodes_are_panned(
    signed_in: Page, settled: Any, pack: str
) -> None:
    steps = "".join(f"  - {{id: s{number}, emit: {{type: x}}}}\n" for number in range(2_000))
    canvas = opened(signed_in, settled, pack, f"steps:\n{steps}")
    expect(node(canvas, "s1000,")).to_be_visible()
    client = signed_in.context.new_cdp_session(signed_in)
    client.send("Performance.enable")

    def script_s() -> float:
        found = client.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in found if one["name"] == "ScriptDuration"))

    box = canvas.locator(".react-flow__pane").bounding_box()
    assert box
    x, y = box["x"] + 20, box["y"] + box["height"] / 2

    def p95_ms(direction: int) -> float:
        signed_in.mouse.move(x, y)
        signed_in.mouse.down()
        took_ms = []
        for frame in range(FRAMES):
            before = script_s()
            signed_in.mouse.move(x, y + direction * 6 * (frame + 1))
            signed_in.evaluate("() => new Promise(requestAnimationFrame)")
            took_ms.append((script_s() - before) * 1_000)
        signed_in.mouse.up()
        return sorted(took_ms)[int(FRAMES * 0.95)]

    # Several times, since other processes of the host can delay the script of some frames.
    measured = [p95_ms(direction) for direction in (-1, 1, -1)]
    assert min(measured) <= MAX_SCRIPT_MS, measured


def test_steps_are_changed_on_the_canvas_and_the_rest_of_the_text_stays(
    signed_in: Page, settled: Any, pack: str
) -> None:
    canvas = opened(signed_in, settled, pack)
    expect(node(canvas, "count,")).to_be_visible()
    assert_usable(signed_in, "editor, canvas")

    node(canvas, "note,").focus()
    signed_in.keyboard.press("Enter")
    expect(canvas.get_by_role("textbox", name="ID")).to_have_value("note")
    signed_in.keyboard.press("Alt+ArrowUp")
    undo = canvas.get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    signed_in.keyboard.press("ArrowUp")
    expect(node(canvas, "count,")).to_be_focused()
    identifier = canvas.get_by_role("textbox", name="ID")
    identifier.fill("counted")
    identifier.press("Enter")
    expect(node(canvas, "counted,")).to_be_visible()
    expect(canvas.get_by_role("heading", name="counted")).to_be_visible()
    node(canvas, "rest,").click()
    signed_in.keyboard.press("Control+c")
    signed_in.keyboard.press("Control+v")
    expect(node(canvas, "rest_2,")).to_be_visible()
    node(canvas, "sign,").focus()
    signed_in.keyboard.press("Enter")
    signed_in.keyboard.press("Delete")
    expect(node(canvas, "sign,")).to_have_count(0)
    expect(signed_in.get_by_role("list", name="Problems")).to_contain_text("'steps' is required")
    drag(signed_in, node(canvas, "rest_2,"), canvas.get_by_text("If size(steps.counted) > 3"))
    expect(signed_in.get_by_text("No problems")).to_be_visible()
    note = '  - id: note\n    emit: {type: counted, data: {n: "${{ size(steps.counted) }}"}}\n'
    changed = (
        FLOW.replace("  - id: choice", note + "  - id: choice")
        .replace('  - id: note\n    emit: {type: counted, data: {n: "${{ size(steps.count) }}"}}\n', "")
        .replace("steps.count)", "steps.counted)")
        .replace("steps.count }", "steps.counted }")
        .replace("id: count ", "id: counted ")
        .replace(
            '          - id: sign\n            approval: {message: "Publish?"}\n',
            "          - id: rest_2\n            wait: {duration: 1s}\n",
        )
    )
    stored = settled.api.get(f"{folder_of(pack)}/flow.yaml").text
    assert stored == changed
    while undo.is_enabled():
        undo.click()
    expect(node(canvas, "sign,")).to_be_visible()
    signed_in.set_viewport_size({"width": 390, "height": 844})
    assert_usable(signed_in, "editor, canvas, narrow")
