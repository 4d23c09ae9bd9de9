"""Saves of the editor and the notebook page: one at a time for each file, without losing unsaved text."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Error, Locator, Page, Route, expect

from tests.e2e.conftest import CHROMIUM, EMAIL, PASSWORD, QUIET, SHOWN_WITHIN_MS, add_member
from tests.e2e.test_accessibility import assert_usable
from tests.e2e.test_notebook_page import create_notebook, stored_notebook, take_screenshot, write

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

FILE = "skills/owls/SKILL.md"
TEXT = "---\nname: owls\ndescription: Describes owls.\n---\nDescribe owls.\n"
FILES = "**/drafts/files/**"
DEVELOPER = "dora@example.org"
RESTORED = "unsaved text"


@pytest.fixture
def pack(settled: Any, request: pytest.FixtureRequest) -> str:
    """Create a skillpack with one file in its draft, and return the slug."""
    slug: str = request.node.name.removeprefix("test_")[:50].replace("_", "-")
    made = settled.api.post("/v1/skillpacks", json={"slug": slug, "name": slug})
    assert made.status_code == 201, made.text
    assert settled.api.put(file_url(slug), content=TEXT).status_code == 200
    return slug


def file_url(pack: str) -> str:
    return f"/v1/skillpacks/{pack}/drafts/files/{FILE}"


def stored(settled: Any, pack: str) -> str:
    text: str = settled.api.get(file_url(pack)).text
    return text


def open_editor(page: Page, settled: Any, pack: str) -> Locator:
    """Return the editor with the text of the file."""
    page.goto(f"{settled.url}/editor?skillpack={pack}")
    code = page.get_by_role("textbox", name=FILE)
    expect(code).to_contain_text("Describe owls.")
    return code


def type_on(page: Page, code: Locator, text: str) -> None:
    code.click()
    page.keyboard.press("Control+End")
    page.keyboard.type(text)


def saving(page: Page) -> Locator:
    return page.get_by_role("status", name="Save status", exact=True)


def conflict(page: Page) -> Locator:
    return page.get_by_role("alert").filter(has_text="this file")


def until(page: Page, condition: Callable[[], object]) -> None:
    """Wait until a condition is true, while the page runs."""
    for _ in range(SHOWN_WITHIN_MS // 50):
        if condition():
            return
        page.wait_for_timeout(50)
    raise AssertionError("the condition did not become true")


class Saves:
    """The saves of a page, each held until the test releases it."""

    def __init__(self, page: Page) -> None:
        self.held: list[Route] = []
        page.route(FILES, self._take)

    def _take(self, route: Route) -> None:
        if route.request.method == "PUT":
            self.held.append(route)
        else:
            route.continue_()

    def lose_response(self, at: int) -> None:
        """Let the server store the text, and drop the response."""
        assert self.held[at].fetch().status == 200
        self.held[at].abort()


def break_saves(page: Page) -> None:
    """Break the connection of every save."""

    def answer(route: Route) -> None:
        if route.request.method == "PUT":
            route.abort()
        else:
            route.continue_()

    page.route(FILES, answer)


def dialogs_of(page: Page) -> list[str]:
    """Return the types of dialogs that the browser shows; each is accepted."""
    shown: list[str] = []

    def accept(dialog: Dialog) -> None:
        shown.append(dialog.type)
        dialog.accept()

    page.on("dialog", accept)
    return shown


def type_unsaved(page: Page, settled: Any, pack: str, text: str) -> None:
    """Type into the file while saves fail, until the browser has stored the text."""
    code = open_editor(page, settled, pack)
    break_saves(page)
    type_on(page, code, text)
    expect(saving(page)).to_have_text("Offline: stored in this browser")


def records(page: Page) -> Any:
    """Return the unsaved text that the browser has stored."""
    return page.evaluate(
        """() => new Promise((resolve) => {
            indexedDB.open("puras", 1).onsuccess = ({ target: { result } }) => {
                result.transaction("unsaved").objectStore("unsaved").getAll().onsuccess = (found) => {
                    result.close();
                    resolve(found.target.result);
                };
            };
        })"""
    )


def test_text_typed_during_a_save_is_saved_after_it(signed_in: Page, settled: Any, pack: str) -> None:
    code = open_editor(signed_in, settled, pack)
    saves = Saves(signed_in)
    type_on(signed_in, code, "one ")
    until(signed_in, lambda: saves.held)
    signed_in.keyboard.type("two ")
    signed_in.keyboard.press("Control+s")
    signed_in.keyboard.type("three")
    signed_in.keyboard.press("Control+s")
    expect(code).to_contain_text("one two three")
    expect(saving(signed_in)).to_have_text("Saving…")
    assert len(saves.held) == 1
    answer = saves.held[0].fetch()
    saves.held[0].fulfill(response=answer)
    until(signed_in, lambda: len(saves.held) == 2)
    second = saves.held[1]
    assert second.request.headers["if-match"] == f'"{answer.json()["revision"]}"'
    assert (second.request.post_data or "").endswith("one two three")
    second.continue_()
    expect(saving(signed_in)).to_have_text("Saved")
    expect(conflict(signed_in)).to_have_count(0)
    assert stored(settled, pack) == f"{TEXT}one two three"
    assert len(saves.held) == 2
    assert records(signed_in) == []


def test_save_with_a_lost_response_is_a_conflict_only_after_a_change_of_another_user(
    signed_in: Page, settled: Any, pack: str
) -> None:
    code = open_editor(signed_in, settled, pack)
    saves = Saves(signed_in)
    type_on(signed_in, code, "one ")
    until(signed_in, lambda: saves.held)
    saves.lose_response(0)
    expect(saving(signed_in)).to_have_text("Saved")  # the page finds its own text on the server
    assert len(saves.held) == 1
    signed_in.keyboard.type("two ")
    until(signed_in, lambda: len(saves.held) == 2)
    signed_in.keyboard.type("three")
    saves.lose_response(1)
    until(signed_in, lambda: len(saves.held) == 3)
    saves.held[2].continue_()
    expect(saving(signed_in)).to_have_text("Saved")
    expect(conflict(signed_in)).to_have_count(0)
    assert stored(settled, pack) == f"{TEXT}one two three"
    signed_in.keyboard.type(" four")
    until(signed_in, lambda: len(saves.held) == 4)
    saves.lose_response(3)
    theirs = settled.api.put(file_url(pack), content=f"{TEXT}Theirs.", headers={"If-Match": "*"})
    assert theirs.status_code == 200
    until(signed_in, lambda: len(saves.held) == 5)
    saves.held[4].continue_()
    expect(conflict(signed_in)).to_contain_text("changed this file")
    expect(saving(signed_in)).to_contain_text("Not saved: SKILL.md was changed elsewhere.")
    assert stored(settled, pack) == f"{TEXT}Theirs."


def test_save_continues_while_the_user_is_on_another_page(signed_in: Page, settled: Any, pack: str) -> None:
    code = open_editor(signed_in, settled, pack)
    saves = Saves(signed_in)
    type_on(signed_in, code, "one")
    signed_in.get_by_role("link", name="Jobs").click()  # before the delay of the save has passed
    until(signed_in, lambda: saves.held)
    signed_in.go_back()
    expect(signed_in.get_by_role("navigation", name="Draft files")).to_be_visible()
    saves.held[0].continue_()
    expect(code).to_contain_text("one")
    type_on(signed_in, code, " two")
    until(signed_in, lambda: len(saves.held) == 2)
    saves.held[1].continue_()
    expect(saving(signed_in)).to_have_text("Saved")
    expect(conflict(signed_in)).to_have_count(0)
    assert stored(settled, pack) == f"{TEXT}one two"


def test_unsaved_text_is_restored_after_a_reload(signed_in: Page, settled: Any, pack: str) -> None:
    dialogs = dialogs_of(signed_in)
    type_unsaved(signed_in, settled, pack, "Mine.")
    take_screenshot(signed_in, "offline")
    assert [one["text"] for one in records(signed_in)] == [f"{TEXT}Mine."]
    signed_in.unroute(FILES)
    signed_in.reload()
    note = signed_in.get_by_role("status").filter(has_text=RESTORED)
    expect(note).to_be_visible()
    take_screenshot(signed_in, "restored")
    assert_usable(signed_in, "restored text")
    signed_in.emulate_media(color_scheme="dark")
    take_screenshot(signed_in, "restored-dark")
    expect(saving(signed_in)).to_have_text("Not saved: SKILL.md contains restored text.")
    code = signed_in.get_by_role("textbox", name=FILE)
    expect(code).to_contain_text("Mine.")
    assert stored(settled, pack) == TEXT
    note.get_by_role("button", name="Discard").click()
    expect(note).to_have_count(0)
    expect(code).not_to_contain_text("Mine.")
    expect(saving(signed_in)).to_have_text("Saved")
    signed_in.reload()
    expect(code).to_contain_text("Describe owls.")
    expect(note).to_have_count(0)
    break_saves(signed_in)
    type_on(signed_in, code, "Again.")
    expect(saving(signed_in)).to_have_text("Offline: stored in this browser")
    signed_in.unroute(FILES)
    signed_in.reload()
    expect(note).to_be_visible()
    note.get_by_role("button", name="Save").click()
    expect(saving(signed_in)).to_have_text("Saved")
    expect(note).to_have_count(0)
    assert stored(settled, pack) == f"{TEXT}Again."
    assert records(signed_in) == []
    assert dialogs == []


def test_restored_text_with_a_change_of_another_user_is_a_conflict(
    signed_in: Page, settled: Any, pack: str
) -> None:
    type_unsaved(signed_in, settled, pack, "Mine.")
    theirs = settled.api.put(file_url(pack), content=f"{TEXT}Theirs.", headers={"If-Match": "*"})
    assert theirs.status_code == 200
    signed_in.unroute(FILES)
    for _ in range(2):  # the conflict is shown until the user resolves it
        signed_in.reload()
        expect(conflict(signed_in)).to_contain_text("changed this file")
    code = signed_in.get_by_role("textbox", name=FILE)
    expect(code).to_contain_text("Mine.")
    conflict(signed_in).get_by_role("button", name="Compare").click()
    both = signed_in.get_by_role("dialog", name="Compare texts")
    expect(both.get_by_role("row", name="removed Theirs.")).to_be_visible()
    expect(both.get_by_role("row", name="added Mine.")).to_be_visible()
    both.get_by_role("button", name="Use their text").click()
    expect(code).to_contain_text("Theirs.")
    expect(saving(signed_in)).to_have_text("Saved")
    assert records(signed_in) == []


def test_text_of_a_deleted_file_can_be_saved(signed_in: Page, settled: Any, pack: str) -> None:
    type_unsaved(signed_in, settled, pack, "Mine.")
    assert settled.api.delete(file_url(pack)).status_code == 204
    signed_in.unroute(FILES)
    signed_in.reload()
    expect(conflict(signed_in)).to_contain_text("deleted this file")
    conflict(signed_in).get_by_role("button", name="Keep my text").click()
    expect(saving(signed_in)).to_have_text("Saved")
    assert stored(settled, pack) == f"{TEXT}Mine."


def test_text_survives_the_crash_of_its_page(signed_in: Page, settled: Any, pack: str) -> None:
    code = open_editor(signed_in, settled, pack)
    saves = Saves(signed_in)
    type_on(signed_in, code, "one ")
    until(signed_in, lambda: saves.held)
    assert saves.held[0].fetch().status == 200  # stored, but the page does not receive the response
    signed_in.keyboard.type("two")
    until(signed_in, lambda: [one for one in records(signed_in) if one["text"].endswith("one two")])
    crashed: list[Page] = []

    def note_crash(page: Page) -> None:
        crashed.append(page)

    signed_in.on("crash", note_crash)
    with suppress(Error):
        signed_in.goto("chrome://crash", wait_until="commit")
    fresh = signed_in.context.new_page()
    until(fresh, lambda: crashed)
    fresh.goto(f"{settled.url}/editor?skillpack={pack}")
    expect(fresh.get_by_role("textbox", name=FILE)).to_contain_text("one two")
    expect(fresh.get_by_role("status").filter(has_text=RESTORED)).to_be_visible()
    expect(conflict(fresh)).to_have_count(0)  # the stored text is an earlier save of this page
    fresh.keyboard.press("Escape")
    type_on(fresh, fresh.get_by_role("textbox", name=FILE), " three")
    expect(saving(fresh)).to_have_text("Saved")
    assert stored(settled, pack) == f"{TEXT}one two three"


def test_text_survives_the_end_of_the_browser(
    browser: Browser, settled: Any, pack: str, tmp_path: Path
) -> None:
    add_member(settled, DEVELOPER, "developer")
    for is_first in (True, False):
        context = browser.browser_type.launch_persistent_context(
            tmp_path, executable_path=CHROMIUM, args=QUIET
        )
        page = context.new_page()
        settled.sign_in_page(page, DEVELOPER)
        if is_first:
            type_unsaved(page, settled, pack, "Mine.")
        else:
            page.goto(f"{settled.url}/editor?skillpack={pack}")
            expect(page.get_by_role("textbox", name=FILE)).to_contain_text("Mine.")
            expect(page.get_by_role("status").filter(has_text=RESTORED)).to_be_visible()
        context.close()  # without the dialogs of its pages


def test_text_of_an_ended_session_is_restored_only_for_its_user(
    signed_in: Page, settled: Any, pack: str
) -> None:
    page = signed_in
    add_member(settled, DEVELOPER, "developer")
    settled.sign_in_page(page, DEVELOPER)
    code = open_editor(page, settled, pack)
    saves = Saves(page)
    type_on(page, code, "Mine.")
    until(page, lambda: saves.held)
    settled.running.operate("user", "sign-out", DEVELOPER)
    with suppress(Error):  # the page may have left before its save returns
        saves.held[0].continue_()
    page.wait_for_url("**/sign-in?next=**")
    page.unroute(FILES)
    settled.sign_in_page(page, EMAIL)
    open_editor(page, settled, pack)
    note = page.get_by_role("status").filter(has_text=RESTORED)
    expect(saving(page)).to_have_text("Saved")
    expect(note).to_have_count(0)
    assert [one["text"] for one in records(page)] == [f"{TEXT}Mine."]
    page.context.clear_cookies()
    page.reload()
    page.wait_for_url("**/sign-in?next=**")
    page.get_by_label("E-mail").fill(DEVELOPER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/editor?skillpack={pack}")
    expect(note).to_be_visible()
    expect(code).to_contain_text("Mine.")
    assert stored(settled, pack) == TEXT
    page.get_by_role("button", name="Sign out").click()
    ask = page.get_by_role("dialog", name="Sign out")
    expect(ask).to_contain_text("1 file has unsaved text.")
    take_screenshot(page, "sign-out")
    ask.get_by_role("button", name="Delete text and sign out").click()
    page.wait_for_url("**/sign-in")
    assert records(page) == []


def test_old_text_and_too_much_text_is_deleted(signed_in: Page, settled: Any, pack: str) -> None:
    type_unsaved(signed_in, settled, pack, "Mine.")
    signed_in.evaluate(
        """() => new Promise((resolve) => {
            indexedDB.open("puras", 1).onsuccess = ({ target: { result } }) => {
                const write = result.transaction("unsaved", "readwrite"), day = 24 * 60 * 60_000;
                const other = (path, days, size) => write.objectStore("unsaved").put({
                    user: "other", draft: "other", path, page: "other", base: null, text: "", sent: [],
                    at: Date.now() - days * day, size,
                });
                other("old", 15, 10);
                other("large", 2, 33 << 20);
                other("small", 1, 10);
                write.oncomplete = () => { result.close(); resolve(); };
            };
        })"""
    )
    type_on(signed_in, signed_in.get_by_role("textbox", name=FILE), "More.")
    until(signed_in, lambda: [one for one in records(signed_in) if one["text"].endswith("Mine.More.")])
    assert sorted(one["path"] for one in records(signed_in)) == [FILE, "small"]


def test_browser_warns_only_about_text_that_it_cannot_store(signed_in: Page, settled: Any, pack: str) -> None:
    dialogs = dialogs_of(signed_in)
    type_unsaved(signed_in, settled, pack, "Mine.")
    signed_in.reload()
    code = signed_in.get_by_role("textbox", name=FILE)
    expect(code).to_contain_text("Mine.")
    assert dialogs == []
    signed_in.evaluate("() => { IDBObjectStore.prototype.put = () => { throw new Error('full'); }; }")
    type_on(signed_in, code, "More.")
    expect(saving(signed_in)).to_have_text("Offline: not saved. Keep this page open.")
    signed_in.reload()
    assert dialogs == ["beforeunload"]


def test_rejected_save_shows_the_reason(signed_in: Page, settled: Any, pack: str) -> None:
    code = open_editor(signed_in, settled, pack)

    def refuse(route: Route) -> None:
        if route.request.method == "PUT":
            route.fulfill(status=413, json={"detail": "The draft is full.", "code": "draft_too_large"})
        else:
            route.continue_()

    signed_in.route(FILES, refuse)
    type_on(signed_in, code, "Mine.")
    expect(saving(signed_in)).to_have_text(
        "Not saved: The draft is full. Your text is stored in this browser."
    )
    take_screenshot(signed_in, "refused")
    signed_in.unroute(FILES)
    signed_in.get_by_role("button", name="Try again").click()
    expect(saving(signed_in)).to_have_text("Saved")
    assert stored(settled, pack) == f"{TEXT}Mine."


def test_cell_has_one_save_at_a_time_and_is_restored_after_a_reload(
    signed_in: Page, settled: Any, pack: str
) -> None:
    create_notebook(signed_in, settled, pack)
    saves = Saves(signed_in)
    write(signed_in, 1, "one = 1", runs=False)
    until(signed_in, lambda: saves.held)
    signed_in.keyboard.type("\ntwo = 2")
    signed_in.keyboard.press("Control+s")
    expect(saving(signed_in)).to_have_text("Saving…")
    assert len(saves.held) == 1
    saves.held[0].continue_()
    until(signed_in, lambda: len(saves.held) == 2)
    saves.held[1].continue_()
    expect(saving(signed_in)).to_have_text("Saved")
    expect(conflict(signed_in)).to_have_count(0)
    assert stored_notebook(settled, pack)["cells"][0]["source"] == "one = 1\ntwo = 2"
    signed_in.keyboard.type("\nthree = 3")
    until(signed_in, lambda: len(saves.held) == 3)
    saves.held[2].abort()
    expect(saving(signed_in)).to_have_text("Offline: stored in this browser")
    signed_in.unroute(FILES)
    signed_in.reload()
    expect(signed_in.get_by_role("status").filter(has_text=RESTORED)).to_be_visible()
    assert_usable(signed_in, "a notebook with restored text")
    take_screenshot(signed_in, "notebook-restored")
    expect(signed_in.get_by_role("textbox", name="Source of cell 1", exact=True)).to_contain_text("three = 3")
    assert "three" not in json.dumps(stored_notebook(settled, pack))
    signed_in.get_by_role("button", name="Save", exact=True).click()
    expect(saving(signed_in)).to_have_text("Saved")
    assert stored_notebook(settled, pack)["cells"][0]["source"] == "one = 1\ntwo = 2\nthree = 3"
