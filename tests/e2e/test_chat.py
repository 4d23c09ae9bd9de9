"""The page Chat: live text, approvals, interruption, search and deletion, by keyboard, in both schemes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from playwright.sync_api import Browser, Page, expect

from backend.skills.archives.pack import pack_files
from studio import share_page
from tests.doubles.messages import MessagesServer, calls, says
from tests.e2e.conftest import EMAIL, Settled, page_of, settled_instance
from tests.e2e.test_accessibility import assert_usable
from tests.e2e.test_embed import assert_accessible, key_for, page_with_script
from tests.e2e.test_notebook_page import take_screenshot

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN_MS = 20_000
SKILLS = {
    "skills/support/skill.yaml": b"""entrypoint: prompt.md
description: Answers questions about orders.
input_schema: {type: object, properties: {question: {type: text}}, required: [question]}
output_schema: {type: object, properties: {answer: {type: text}}}
tools:
  - {name: refund, description: Gives money back., entrypoint: "tools.py:refund", confirm: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {refunded: {type: boolean}}}}
""",
    "skills/support/prompt.md": b"You answer questions about orders.",
    "skills/support/tools.py": b"def refund(order):\n    return {'refunded': True}\n",
    "skills/triage/skill.yaml": b"""entrypoint: prompt.md
input_schema: {type: object, properties: {a: {type: string}, b: {type: string}}, required: [a, b]}
output_schema: {type: object, properties: {team: {type: string}, reason: {type: text}}}
""",
    "skills/triage/prompt.md": b"You triage.",
}
STORY = "An order is packed within a day. " * 20


class Model:
    """A model whose replies depend on the last message; `resume` continues the long one."""

    def __init__(self) -> None:
        self.resume = threading.Event()

    def __call__(self, body: dict[str, Any]) -> Any:
        last = str(body["messages"][-1])
        if "tool_result" in last:
            return says("The money for order **7** is on its way.")
        if "refund" in last:
            return says("I look into it.", calls("refund", order="7"))
        if "Describe" in last:
            return says(STORY).but(hold_after=8, release=self.resume)
        return says("Your order arrives **tomorrow**:\n\n- packed\n- sent")


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def chatting(pages: None, model: Model) -> Iterator[Settled]:
    """Run an instance with a model of the test, and agents."""
    with MessagesServer(model).running() as upstream:
        keys = {"ANTHROPIC_BASE_URL": upstream.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}
        with settled_instance(**keys) as settled:
            pushed = settled.api.post("/v1/deployments", files={"bundle": ("agents.zip", pack_files(SKILLS))})
            assert pushed.status_code == 201, pushed.text
            yield settled
        model.resume.set()


@pytest.fixture
def owner(browser: Browser, chatting: Settled) -> Iterator[Page]:
    """Open a page of the instance, in which its owner is signed in."""
    with page_of(browser, chatting, EMAIL) as page:
        page.set_viewport_size({"width": 1280, "height": 800})
        yield page


def show(page: Page, name: str) -> None:
    """Check the page in both schemes, at both widths, and take screenshots."""
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert_usable(page, f"{name}, {width}")
        take_screenshot(page, f"chat-{name}-{width}")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.emulate_media(color_scheme="dark")
    take_screenshot(page, f"chat-{name}-dark")
    page.emulate_media(color_scheme="light")


def test_conversation_is_held_by_keyboard(owner: Page, chatting: Settled, model: Model) -> None:
    owner.goto(f"{chatting.url}/chat?skill=support")
    field = owner.get_by_role("textbox", name="Message", exact=True)
    expect(field).to_be_visible()
    show(owner, "empty")
    field.focus()
    owner.keyboard.type("Where is my order?")
    owner.keyboard.press("Shift+Enter")
    owner.keyboard.type("It is number 7.")
    owner.keyboard.press("Enter")
    log = owner.get_by_role("log", name="Messages")
    expect(log.get_by_role("listitem").filter(has_text="packed").first).to_be_visible(timeout=WITHIN_MS)
    expect(log.locator("strong")).to_have_text("tomorrow")
    expect(log).to_contain_text("$0.0")
    expect(owner.get_by_role("heading", name="Where is my order?")).to_be_visible()
    assert "session=" in owner.url
    expect(field).to_have_value("")

    owner.keyboard.type("Then refund it")
    owner.keyboard.press("Enter")
    asked = owner.get_by_role("group", name="Calls awaiting approval")
    expect(asked).to_contain_text("refund", timeout=WITHIN_MS)
    show(owner, "approval")
    asked.get_by_role("button", name="Approve").focus()
    owner.keyboard.press("Enter")
    expect(log).to_contain_text("is on its way", timeout=WITHIN_MS)
    expect(log.get_by_text("I look into it.")).to_be_visible()
    show(owner, "ended")

    field.focus()
    owner.keyboard.type("Describe everything")
    owner.keyboard.press("Enter")
    expect(log).to_contain_text("An order is", timeout=WITHIN_MS)
    expect(owner.get_by_role("button", name="Stop")).to_be_visible()
    show(owner, "live")
    field.focus()
    owner.keyboard.type("Only the date")
    owner.keyboard.press("Control+Enter")
    expect(log).to_contain_text("The reply was interrupted.", timeout=WITHIN_MS)
    expect(log.get_by_text("tomorrow")).to_have_count(2, timeout=WITHIN_MS)
    model.resume.set()

    expect(log.locator("[aria-busy=true]")).to_have_count(0, timeout=WITHIN_MS)
    # The part that renders Markdown loads on its own: until then a reply shows its source.
    bold = log.locator("strong")
    expect(bold).to_have_text(["tomorrow", "7", "tomorrow"], timeout=WITHIN_MS)
    before = log.inner_text()
    owner.reload()
    expect(bold).to_have_text(["tomorrow", "7", "tomorrow"], timeout=WITHIN_MS)
    assert log.inner_text().split() == before.split()
    log.get_by_role("link", name="Job of turn 2").click()
    expect(owner.get_by_text("Succeeded").first).to_be_visible(timeout=WITHIN_MS)
    owner.go_back()
    expect(log).to_contain_text("is on its way", timeout=WITHIN_MS)


def test_page_of_another_origin_holds_a_conversation(
    browser: Browser, chatting: Settled, model: Model
) -> None:
    secret = "a key of at least thirty-two bytes"
    stored = chatting.api.put("/v1/secrets", json={"name": "END_USER_KEY", "value": secret})
    assert stored.is_success, stored.text
    token = jwt.encode({"sub": "user-42", "exp": time.time() + 600}, secret, algorithm="HS256")
    attributes = {"skill": "support", "mode": "chat", "key": key_for(chatting, "support"), "end_user": token}
    model.resume.clear()
    with page_with_script(browser, chatting.running.url, **attributes) as page:
        entry = page.get_by_role("textbox", name="Message")
        entry.fill("Where is my order?")
        entry.press("Enter")
        log = page.get_by_role("log", name="Messages")
        expect(log).to_contain_text("Your order arrives **tomorrow**", timeout=WITHIN_MS)
        expect(entry).to_be_focused()
        assert_accessible(page)
        entry.fill("Describe everything")
        entry.press("Enter")
        expect(page.get_by_text("An order is").last).to_be_visible(timeout=WITHIN_MS)
        page.get_by_role("button", name="Stop").click()
        expect(log).to_contain_text("Stopped.", timeout=WITHIN_MS)
        assert_accessible(page)
    model.resume.set()
    (session,) = chatting.api.get("/v1/sessions", params={"end_user": "user-42"}).json()
    assert session["title"] == "Where is my order?"


def test_shared_link_of_an_agent_has_a_form_and_a_chat(browser: Browser, chatting: Settled) -> None:
    body = {
        "kind": "publishable",
        "name": "link",
        "skill_allowlist": ["support"],
        "scopes": ["sessions:anonymous"],
    }
    key = chatting.api.post("/v1/api-keys", json=body).json()["key"]
    with contextlib.closing(browser.new_context(reduced_motion="reduce")) as context:
        page = context.new_page()
        page.goto(share_page.link(chatting.running.url, "support", key))
        expect(page.get_by_role("button", name="Run")).to_be_visible()
        page.get_by_role("button", name="Chat").click()
        entry = page.get_by_role("textbox", name="Message")
        entry.fill("Where is my order?")
        entry.press("Enter")
        log = page.get_by_role("log", name="Messages")
        expect(log).to_contain_text("Your order arrives **tomorrow**", timeout=WITHIN_MS)
        assert_accessible(page)
        page.get_by_role("button", name="Form").click()
        expect(page.get_by_label("question")).to_be_visible()
        take_screenshot(page, "share-form")
        page.get_by_role("button", name="Chat").click()
        expect(log).to_contain_text("tomorrow")
        take_screenshot(page, "share-chat")
    sessions = chatting.api.get("/v1/sessions").json()
    assert any(str(one["end_user"]).startswith("visitor:") for one in sessions)


def test_agents_of_other_environments_and_of_the_draft_are_talked_to(owner: Page, chatting: Settled) -> None:
    staged = {
        name.replace("support", "staged"): content for name, content in SKILLS.items() if "support" in name
    }
    pushed = chatting.api.post(
        "/v1/deployments",
        files={"bundle": ("agents.zip", pack_files({**SKILLS, **staged}))},
        data={"environment": "staging"},
    )
    assert pushed.status_code == 201, pushed.text
    owner.goto(f"{chatting.url}/chat")
    owner.get_by_role("combobox", name="Environment").select_option("staging")
    owner.get_by_role("combobox", name="Agent").select_option("staged")
    expect(owner.get_by_text("start a conversation with staged")).to_be_visible()
    owner.get_by_role("textbox", name="Message", exact=True).fill("Where is my order?")
    owner.keyboard.press("Enter")
    log = owner.get_by_role("log", name="Messages")
    expect(log).to_contain_text("tomorrow", timeout=WITHIN_MS)
    expect(owner.locator(".chat-head").get_by_text("staging")).to_be_visible()
    show(owner, "environment")

    owner.goto(f"{chatting.url}/editor?file=skills/support/skill.yaml")
    owner.get_by_role("group", name="How to try").get_by_role("button", name="Chat").click()
    owner.get_by_role("textbox", name="Message", exact=True).fill("Where is my order?")
    owner.keyboard.press("Enter")
    expect(log).to_contain_text("tomorrow", timeout=WITHIN_MS)
    expect(owner.locator(".chat-head").get_by_text("draft", exact=True)).to_be_visible()
    show(owner, "draft")
    drafts = [one for one in chatting.api.get("/v1/sessions").json() if one["is_draft"]]
    assert [one["skill"] for one in drafts] == ["support"]


def test_conversations_are_found_renamed_and_deleted(owner: Page, chatting: Settled) -> None:
    for title in ("Parcels", "Letters"):
        created = chatting.api.post("/v1/sessions", json={"skill": "support", "title": title})
        assert created.status_code == 201, created.text
    owner.goto(f"{chatting.url}/chat?skill=support")
    conversations = owner.get_by_role("navigation", name="Conversations")
    conversations.get_by_role("button", name="Letters").click()
    expect(owner.get_by_role("heading", name="Letters")).to_be_visible()
    conversations.get_by_role("button", name="Parcels").click()
    expect(owner.get_by_role("heading", name="Parcels")).to_be_visible()
    owner.go_back()
    expect(owner.get_by_role("heading", name="Letters")).to_be_visible()
    owner.go_forward()
    owner.reload()
    expect(owner.get_by_role("heading", name="Parcels")).to_be_visible()
    owner.get_by_role("button", name="Rename").click()
    owner.get_by_label("Title").fill("Big parcels")
    owner.get_by_role("button", name="Rename").last.click()
    expect(owner.get_by_role("heading", name="Big parcels")).to_be_visible()
    owner.get_by_role("searchbox", name="Search conversations").fill("big")
    expect(conversations.get_by_role("button", name="Letters")).to_have_count(0)
    owner.get_by_role("button", name="Delete").click()
    owner.get_by_role("button", name="Delete").last.click()
    expect(conversations.get_by_text("No matching conversations.")).to_be_visible(timeout=WITHIN_MS)
    titles = [one["title"] for one in chatting.api.get("/v1/sessions").json()]
    assert "Big parcels" not in titles


def test_missing_inputs_are_explained_and_given(owner: Page, chatting: Settled) -> None:
    owner.goto(f"{chatting.url}/chat")
    owner.get_by_label("Agent").select_option("triage")
    expect(owner.get_by_text("start a conversation with triage")).to_be_visible()
    inputs = owner.get_by_role("group", name="Inputs")
    expect(inputs.get_by_role("textbox")).to_have_count(2)  # without a click, since the agent needs them
    owner.get_by_role("textbox", name="Message", exact=True).fill("Hello")
    owner.get_by_role("button", name="Send").click()
    expect(owner.get_by_text("Fill in a, b below")).to_be_visible()
    expect(inputs.get_by_text("This input is required.")).to_have_count(2)
    show(owner, "inputs")
    inputs.get_by_label("a", exact=True).fill("1")
    inputs.get_by_label("b", exact=True).fill("2")
    owner.get_by_role("button", name="Send").click()
    expect(owner.get_by_role("log", name="Messages")).to_contain_text("tomorrow", timeout=WITHIN_MS)
    expect(inputs).to_have_count(0)  # later messages keep the values
    assert len(chatting.api.get("/v1/sessions?skill=triage").json()) == 1


CUT_STREAMS = """
const open = window.fetch.bind(window);
window.fetch = (path, options = {}) => {
  if (!String(path).endsWith("/stream")) return open(path, options);
  const lost = new AbortController();
  window.cutStream = () => lost.abort();
  return open(path, {...options, signal: AbortSignal.any([options.signal, lost.signal])});
};
"""


def test_double_click_sends_once_and_a_lost_connection_repeats_no_text(
    owner: Page, chatting: Settled, model: Model
) -> None:
    model.resume.clear()
    owner.add_init_script(CUT_STREAMS)
    owner.goto(f"{chatting.url}/chat?skill=support")
    before = len(chatting.api.get("/v1/sessions?limit=200").json())
    owner.get_by_role("textbox", name="Message", exact=True).fill("Describe it twice")
    owner.get_by_role("button", name="Send").dblclick()
    log = owner.get_by_role("log", name="Messages")
    live = log.locator("[aria-busy=true] p")
    # All that the model sends before it pauses.
    expect(live).to_contain_text("day. An order is packed within", timeout=WITHIN_MS)
    shown = live.inner_text()
    owner.evaluate("window.cutStream()")
    expect(owner.get_by_text("Connection lost. Reconnecting…")).to_be_visible(timeout=WITHIN_MS)
    expect(owner.get_by_text("Connection lost. Reconnecting…")).to_have_count(0, timeout=WITHIN_MS)
    assert live.inner_text() == shown
    owner.reload()
    expect(live).to_have_text(shown.strip(), timeout=WITHIN_MS)
    model.resume.set()
    expect(log.locator("[aria-busy=true]")).to_have_count(0, timeout=WITHIN_MS)
    assert log.inner_text().count("An order is packed within a day.") == STORY.count("An order is")
    expect(log.locator(".chat-turn")).to_have_count(1)
    assert len(chatting.api.get("/v1/sessions?limit=200").json()) == before + 1
