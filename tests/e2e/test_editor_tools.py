"""The editor as users of VS Code expect it: open files by name, search, help for Python, two files, and the URL."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.test_accessibility import assert_usable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MAIN = b"""import os
from helpers import greet


def run(text):
    return {"text": greet(text), "other": missing}
"""
HELPERS = b'''def greet(name: str) -> str:
    """Return a greeting."""
    return "Hello " + name


def unused():
    return greet("owls")
'''
YAML = b"""entrypoint: main.py:run
description: Greets.
input_schema: {type: object, properties: {text: {type: string}}}
output_schema: {type: object, properties: {}}
"""
PROMPT = b"# Assignment\n\nWrite **one** line.\n" + b"\nMore.\n" * 100  # longer than the page


PLACE_OF = """
word => {
  const walker = document.createTreeWalker(document.querySelector(".cm-content"), NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const at = node.data.indexOf(word), range = document.createRange();
    if (at < 0) continue;
    range.setStart(node, at);
    range.setEnd(node, at + word.length);
    const { x, y, width, height } = range.getBoundingClientRect();
    return [x + width / 2, y + height / 2];
  }
}
"""


@pytest.fixture
def draft(settled: Any, request: pytest.FixtureRequest) -> str:
    """Create a skillpack with a draft of four files, and return its slug."""
    slug = request.node.name.removeprefix("test_")[:50].replace("_", "-")
    made = settled.api.post("/v1/skillpacks", json={"slug": slug, "name": slug})
    assert made.status_code == 201, made.text
    files = {"skill.yaml": YAML, "main.py": MAIN, "helpers.py": HELPERS, "prompt.md": PROMPT}
    for name, content in files.items():
        url = f"/v1/skillpacks/{slug}/drafts/files/skills/hello/{name}"
        assert settled.api.put(url, content=content).is_success
    return slug


def text_of(settled: Any, slug: str, name: str) -> str:
    return str(settled.api.get(f"/v1/skillpacks/{slug}/drafts/files/skills/hello/{name}").text)


def code(page: Page, name: str) -> Locator:
    return page.get_by_role("textbox", name=f"skills/hello/{name}", exact=True)


def open_editor(page: Page, settled: Any, slug: str, query: str = "") -> None:
    page.goto(f"{settled.url}/editor?skillpack={slug}{query}")
    expect(page.get_by_role("navigation", name="Draft files")).to_be_visible()
    expect(page.locator(".cm-content").first).to_be_visible()


def test_files_lines_and_symbols_are_opened_by_name(signed_in: Page, settled: Any, draft: str) -> None:
    open_editor(signed_in, settled, draft)
    signed_in.keyboard.press("Control+p")
    dialog = signed_in.get_by_role("dialog", name="Open file")
    field = dialog.get_by_role("combobox")
    expect(field).to_be_focused()
    field.fill("hlp:6")
    expect(dialog.get_by_role("option", selected=True)).to_contain_text("skills/hello/helpers.py")
    signed_in.keyboard.press("Enter")
    expect(code(signed_in, "helpers.py")).to_be_focused()
    expect(signed_in.locator(".cm-activeLine")).to_have_text("def unused():")
    signed_in.keyboard.press("Control+p")
    field.fill("@gre")
    signed_in.keyboard.press("Enter")
    expect(signed_in.locator(".cm-activeLine")).to_contain_text("def greet")
    signed_in.keyboard.press("Control+p")
    field.fill("zzzz")
    expect(dialog.get_by_role("status")).to_have_text("No file has these letters in its path.")
    assert_usable(signed_in, "editor")
    field.press("Escape")
    expect(dialog).to_have_count(0)


def test_search_opens_matches_and_replaces_with_one_undo_per_file(
    signed_in: Page, settled: Any, draft: str
) -> None:
    open_editor(signed_in, settled, draft, "&file=skills/hello/main.py")
    signed_in.keyboard.press("Control+Shift+f")
    search = signed_in.get_by_role("region", name="Search in files")
    field = search.get_by_role("textbox", name="Search in files")
    expect(field).to_be_focused()
    field.fill("greet")
    expect(search.get_by_role("status")).to_have_text("6 matches in 3 files")
    search.get_by_role("button", name="Match whole word").click()
    expect(search.get_by_role("status")).to_have_text("4 matches in 2 files")
    assert_usable(signed_in, "editor")
    search.get_by_role("button", name=re.compile("def greet")).click()
    expect(code(signed_in, "helpers.py")).to_be_focused()
    search.get_by_role("button", name="Replace", exact=True).click()
    search.get_by_role("textbox", name="Replace with").fill("welcome")
    expect(search.locator("ins").first).to_have_text("welcome")
    search.get_by_role("button", name="Replace all").click()
    expect(search.get_by_role("status")).to_contain_text("Replaced 4 matches in 2 files")
    assert "from helpers import welcome" in text_of(settled, draft, "main.py")
    assert "def welcome" in text_of(settled, draft, "helpers.py")
    code(signed_in, "helpers.py").click()
    signed_in.keyboard.press("Control+z")
    expect(code(signed_in, "helpers.py")).to_contain_text("def greet")
    signed_in.get_by_role("group", name="Open files").get_by_role(
        "button", name="hello/main.py", exact=True
    ).click()
    code(signed_in, "main.py").click()
    signed_in.keyboard.press("Control+z")
    expect(code(signed_in, "main.py")).to_contain_text("from helpers import greet")
    field.press("Escape")
    expect(signed_in.get_by_role("navigation", name="Draft files")).to_be_visible()


def test_python_is_checked_completed_described_and_formatted(
    signed_in: Page, settled: Any, draft: str
) -> None:
    open_editor(signed_in, settled, draft, "&file=skills/hello/main.py")
    problems = signed_in.get_by_role("list", name="Problems")
    expect(problems).to_contain_text("hello/main.py:6 Undefined name `missing` (F821)")
    expect(problems).to_contain_text("`os` imported but unused (F401)")
    editor = code(signed_in, "main.py")
    signed_in.mouse.move(*signed_in.evaluate(PLACE_OF, "greet"))
    expect(signed_in.locator(".python-hover")).to_contain_text("def greet(name: str) -> str")
    editor.click()
    signed_in.keyboard.press("Control+End")
    signed_in.keyboard.type("import puras\npuras.progr")
    option = signed_in.get_by_role("option", name="progress")
    option.click()
    expect(editor).to_contain_text("puras.progress")
    signed_in.keyboard.press("Control+Home")
    signed_in.keyboard.press("ArrowDown")
    signed_in.keyboard.press("End")
    signed_in.keyboard.press("F12")
    expect(code(signed_in, "helpers.py")).to_be_focused()
    expect(signed_in.locator(".cm-activeLine")).to_contain_text("def greet")
    signed_in.go_back()
    expect(code(signed_in, "main.py")).to_be_focused()
    expect(signed_in.locator(".cm-activeLine")).to_contain_text("import greet")
    signed_in.keyboard.press("Control+End")
    signed_in.keyboard.type("\nx = {'a':1}")
    signed_in.get_by_role("button", name="Format").click()
    expect(code(signed_in, "main.py")).to_contain_text('x = {"a": 1}')
    signed_in.keyboard.press("Control+End")
    signed_in.keyboard.type("def broken(:")
    signed_in.keyboard.press("Shift+Alt+F")
    expect(signed_in.get_by_role("alert").first).to_contain_text("cannot be formatted")


def test_python_name_is_renamed_in_all_files(signed_in: Page, settled: Any, draft: str) -> None:
    open_editor(signed_in, settled, draft, "&file=skills/hello/main.py&line=2")
    expect(signed_in.locator(".cm-activeLine")).to_contain_text("import greet")
    signed_in.keyboard.press("End")
    signed_in.keyboard.press("F2")
    dialog = signed_in.get_by_role("dialog", name="Rename greet")
    dialog.get_by_label("New name").fill("welcome")
    dialog.get_by_role("button", name="Preview").click()
    places = dialog.get_by_role("region", name="Places")
    expect(places).to_contain_text("4 places in 2 files")
    assert_usable(signed_in, "editor")
    dialog.get_by_role("button", name="Rename", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(code(signed_in, "main.py")).to_contain_text("import welcome")
    expect(signed_in.get_by_text("Saved", exact=True)).to_be_visible()
    assert text_of(settled, draft, "helpers.py").count("welcome") == 2


def test_url_has_the_open_files(signed_in: Page, settled: Any, draft: str) -> None:
    open_editor(signed_in, settled, draft, "&file=skills/hello/main.py&line=5")
    expect(signed_in.locator(".cm-activeLine")).to_have_text("def run(text):")
    tree = signed_in.get_by_role("navigation", name="Draft files")
    tree.get_by_role("button", name="helpers.py").first.click()
    expect(code(signed_in, "helpers.py")).to_be_visible()
    expect(signed_in).to_have_url(re.compile("file=skills%2Fhello%2Fhelpers.py"))
    signed_in.keyboard.press("Control+p")
    signed_in.get_by_role("combobox", name="Name of a file").fill(":6")
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(re.compile("line=6"))
    signed_in.reload()
    tabs = signed_in.get_by_role("group", name="Open files")
    expect(tabs.get_by_role("button", name="hello/helpers.py", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(tabs.get_by_role("button", name="hello/main.py", exact=True)).to_be_visible()
    expect(signed_in.locator(".cm-activeLine")).to_have_text("def unused():")
    signed_in.go_back()
    expect(tabs.get_by_role("button", name="hello/main.py", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(tabs.get_by_role("button", name="hello/helpers.py", exact=True)).to_be_visible()


def test_two_files_and_a_preview_are_shown_side_by_side(signed_in: Page, settled: Any, draft: str) -> None:
    signed_in.set_viewport_size({"width": 1280, "height": 800})
    open_editor(signed_in, settled, draft, "&file=skills/hello/prompt.md&open=skills/hello/main.py")
    signed_in.get_by_role("button", name="Preview").click()
    preview = signed_in.get_by_role("region", name="Preview")
    expect(preview.get_by_role("heading", name="Assignment")).to_be_visible()
    signed_in.get_by_role("button", name="Preview").click()
    signed_in.get_by_role("button", name="Split").click()
    second = signed_in.get_by_role("region", name="Second file")
    expect(second).to_contain_text("skills/hello/main.py")
    first = code(signed_in, "prompt.md").bounding_box()
    other = code(signed_in, "main.py").bounding_box()
    assert first
    assert other
    assert other["x"] >= first["x"] + first["width"] - 1
    second.locator(".cm-content").click()
    signed_in.get_by_role("navigation", name="Draft files").get_by_role(
        "button", name="helpers.py"
    ).first.click()
    expect(second).to_contain_text("skills/hello/helpers.py")
    assert_usable(signed_in, "editor")
    signed_in.reload()
    expect(second).to_contain_text("skills/hello/helpers.py")
    signed_in.keyboard.press("Control+Backslash")
    expect(second).to_have_count(0)


def test_line_of_a_yaml_error_is_the_line_of_the_text(signed_in: Page, settled: Any, draft: str) -> None:
    url = f"/v1/skillpacks/{draft}/drafts/files/skills/hello/skill.yaml"
    broken = YAML.replace(b"description: Greets.", b"description: 'Greets.")
    assert settled.api.put(url, content=broken, headers={"If-Match": "*"}).is_success
    open_editor(signed_in, settled, draft, "&file=skills/hello/skill.yaml")
    expect(signed_in.get_by_role("list", name="Problems")).to_contain_text("hello/skill.yaml:2")


def test_renamed_file_keeps_its_tab_and_its_references(signed_in: Page, settled: Any, draft: str) -> None:
    open_editor(signed_in, settled, draft, "&open=skills/hello/helpers.py&file=skills/hello/main.py")
    tree = signed_in.get_by_role("navigation", name="Draft files")
    tree.get_by_role("button", name="Rename skills/hello/main.py").click(force=True)
    tree.get_by_label("New path of skills/hello/main.py").fill("skills/hello/start.py")
    signed_in.keyboard.press("Enter")
    dialog = signed_in.get_by_role("dialog", name="Update references")
    expect(dialog.get_by_role("region", name="References")).to_contain_text("entrypoint: start.py:run")
    assert_usable(signed_in, "editor")
    dialog.get_by_role("button", name="Update references").click()
    expect(dialog).to_have_count(0)
    tabs = signed_in.get_by_role("group", name="Open files")
    expect(tabs.get_by_role("button", name="hello/start.py", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(tabs.get_by_role("button", name="hello/helpers.py", exact=True)).to_be_visible()
    assert text_of(settled, draft, "skill.yaml").startswith("entrypoint: start.py:run\n")
