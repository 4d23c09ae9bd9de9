"""Live pages: streamed replies, server restarts, many tabs, screen widths, keyboard use and project isolation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from backend.skills.archives.pack import pack_files
from tests.chaos.processes import children_called, kill
from tests.doubles.messages import MessagesServer, calls, says
from tests.e2e.conftest import EMAIL, PASSWORD, Settled, page_of, settled_instance

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN_MS, RECONNECTED_WITHIN_MS = 20_000, 60_000
TABS = 8
WIDTHS = (1024, 1280, 1920)
TRIAGE = b"""entrypoint: prompt.md
input_schema: {type: object, properties: {complaint: {type: text}}, required: [complaint]}
output_schema: {type: object, properties: {team: {type: string}}}
tools:
  - {name: refund, description: Gives money back., entrypoint: "tools.py:refund", confirm: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {refunded: {type: boolean}}}}
"""
AGENT = {
    "skills/triage/skill.yaml": TRIAGE,
    "skills/triage/prompt.md": b"You triage complaints.",
    "skills/triage/tools.py": b"def refund(order):\n    return {'refunded': True}\n",
}


class PausingModel:
    """A model that pauses its first reply in the middle of the text until `resume` is set."""

    def __init__(self) -> None:
        self.resume = threading.Event()

    def __call__(self, body: dict[str, Any]) -> Any:
        if len(body["messages"]) > 1:
            return says(calls("set_output", team="shipping"))
        held = says("I look into it, and then I ask.", calls("refund", order="7"), hold_after=5)
        return held.but(release=self.resume)


@pytest.fixture(scope="module")
def pausing_model() -> PausingModel:
    return PausingModel()


@pytest.fixture(scope="module")
def streaming(pages: None, pausing_model: PausingModel) -> Iterator[Settled]:
    """Run an instance with a streaming model, and an agent that asks for approval."""
    with MessagesServer(pausing_model).running() as upstream:
        keys = {"ANTHROPIC_BASE_URL": upstream.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}
        with settled_instance(**keys) as settled:
            pushed = settled.api.post(
                "/v1/deployments", files={"bundle": ("agent.zip", pack_files({**AGENT, **COUNT}))}
            )
            assert pushed.status_code == 201, pushed.text
            yield settled
        pausing_model.resume.set()


COUNTING = b"""
import time
from puras import log

def run(seconds):
    for second in range(seconds):
        log.info(f"counted {second + 1}")
        time.sleep(1)
    return {"counted": seconds}
"""
COUNT = {
    "skills/count/main.py": COUNTING,
    "skills/count/skill.yaml": b"""entrypoint: main.py:run
network: none
input_schema: {type: object, required: [seconds], properties: {seconds: {type: integer}}}
output_schema: {type: object, properties: {counted: {type: integer}}}
""",
}


@pytest.fixture
def owner(browser: Browser, streaming: Settled) -> Iterator[Page]:
    """Open a page of the streaming instance, in which its owner is signed in."""
    with page_of(browser, streaming, EMAIL) as page:
        yield page


def submit(settled: Settled, skill: str, **inputs: Any) -> str:
    answer = settled.api.post("/v1/jobs", json={"skill": skill, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_reply_streams_and_its_call_is_approved_on_the_page(
    owner: Page, streaming: Settled, pausing_model: PausingModel
) -> None:
    job_id = submit(streaming, "triage", complaint="It never came")
    owner.goto(f"{streaming.url}/jobs/{job_id}?tab=transcript")
    transcript = owner.get_by_role("log", name="Transcript")
    expect(transcript).to_contain_text("replying", timeout=WITHIN_MS)
    expect(transcript).to_contain_text("I ")
    pausing_model.resume.set()
    approval_bar = owner.get_by_role("region", name="Calls awaiting approval")
    approval_bar.get_by_role("button", name="Approve").click(timeout=WITHIN_MS)
    expect(owner.get_by_text("Succeeded").first).to_be_visible(timeout=WITHIN_MS)
    expect(transcript).to_contain_text("set_output")


def test_page_shows_all_events_after_a_restart_of_the_server(owner: Page, streaming: Settled) -> None:
    job_id = submit(streaming, "count", seconds=25)
    owner.goto(f"{streaming.url}/jobs/{job_id}?tab=logs")
    log = owner.get_by_role("log", name="Log")
    expect(log).to_contain_text("counted 2", timeout=WITHIN_MS)
    home = Path(streaming.running.environment["PURAS_HOME"])
    kill(children_called(streaming.running.up, home, "studio.serve"))
    expect(log).to_contain_text("counted 25", timeout=RECONNECTED_WITHIN_MS)
    lines = [line for line in log.locator(".line").all_inner_texts() if line.startswith("counted")]
    assert lines == [f"counted {number}" for number in range(1, 26)]
    expect(owner.get_by_text("Succeeded").first).to_be_visible(timeout=RECONNECTED_WITHIN_MS)


def test_all_tabs_of_a_running_job_are_updated(owner: Page, streaming: Settled) -> None:
    job_id = submit(streaming, "count", seconds=60)
    tabs = [owner, *(owner.context.new_page() for _ in range(TABS - 1))]
    for tab in tabs:
        tab.goto(f"{streaming.url}/jobs/{job_id}?tab=logs")
    for tab in tabs:
        tab.bring_to_front()
        expect(tab.get_by_role("log", name="Log")).to_contain_text("counted 3", timeout=RECONNECTED_WITHIN_MS)
    tabs[-1].get_by_role("button", name="Cancel", exact=True).click()
    tabs[-1].get_by_role("button", name="Cancel job").click()
    for tab in (tabs[0], tabs[-1]):
        tab.bring_to_front()
        expect(tab.get_by_text("Canceled").first).to_be_visible(timeout=WITHIN_MS)


def test_pages_fit_the_screen_at_every_width(owner: Page, streaming: Settled) -> None:
    ended = submit(streaming, "count", seconds=0)
    streaming.api.get(f"/v1/jobs/{ended}", params={"wait": "true"})
    signs = {
        f"{streaming.running.url}/": "Atelier",
        f"{streaming.url}/jobs": "Submitted",
        f"{streaming.url}/jobs/{ended}": "Succeeded",
        f"{streaming.url}/play/triage?c=~~&c=1~~": "complaint",
    }
    for width in WIDTHS:
        owner.set_viewport_size({"width": width, "height": 900})
        for path, sign in signs.items():
            owner.goto(path)
            expect(owner.get_by_role("main").get_by_text(sign).first).to_be_visible(timeout=WITHIN_MS)
            overflow = owner.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert overflow <= 0, (width, path, overflow)
            main_overflow = owner.get_by_role("main").evaluate("main => main.scrollWidth - main.clientWidth")
            assert main_overflow <= 0, (width, path, main_overflow)


def test_every_tab_opens_without_an_error(owner: Page, streaming: Settled) -> None:
    job_id = submit(streaming, "count", seconds=0)
    streaming.api.get(f"/v1/jobs/{job_id}", params={"wait": "true"})
    for path in ("", "/jobs", f"/jobs/{job_id}", "/play/triage", "/editor", "/usage", "/settings"):
        owner.goto(streaming.url + path)
        expect(owner.get_by_role("navigation", name="Breadcrumb")).to_contain_text(
            "Atelier", timeout=WITHIN_MS
        )
        expect(owner.get_by_role("main").get_by_text("Loading…")).to_have_count(0, timeout=WITHIN_MS)
        for tab in owner.get_by_role("main").get_by_role("tab").all():
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")


def test_users_of_other_projects_see_nothing_of_this_one(
    browser: Browser, owner: Page, streaming: Settled
) -> None:
    job_id = submit(streaming, "count", seconds=0)
    streaming.running.operate(
        "user", "create", "mallory@example.org", "--password-stdin", typed=f"{PASSWORD}\n"
    )
    with (
        closing(streaming.sign_in("mallory@example.org")) as other_user,
        page_of(browser, streaming, "mallory@example.org") as page,
    ):
        for path in ("", "/jobs", f"/jobs/{job_id}", "/play/count", "/editor"):
            page.goto(streaming.url + path)
            expect(page.get_by_role("alert")).to_contain_text("or you are not a member", timeout=WITHIN_MS)
            assert "counted" not in page.content()
        response = other_user.get(f"/v1/jobs/{job_id}", headers={"X-Puras-Project": streaming.slug})
        assert response.status_code == 404


def test_job_is_run_and_followed_with_the_keyboard(owner: Page, streaming: Settled) -> None:
    owner.goto(f"{streaming.url}/jobs")
    expect(owner.get_by_role("status").filter(has_text="Live")).to_be_visible(timeout=WITHIN_MS)
    owner.keyboard.press("Control+k")
    owner.keyboard.type("try count")
    expect(owner.get_by_role("option", name="Skills Try count", exact=True)).to_be_visible(timeout=WITHIN_MS)
    owner.keyboard.press("Enter")
    expect(owner).to_have_url(f"{streaming.url}/play/count")
    field = owner.get_by_label("seconds")
    expect(field).to_be_visible(timeout=WITHIN_MS)
    for _ in range(60):
        if field.evaluate("field => field === document.activeElement"):
            break
        owner.keyboard.press("Tab")
    expect(field).to_be_focused()
    owner.keyboard.type("0")
    owner.keyboard.press("Control+Enter")
    expect(owner.get_by_role("article", name="Column 1")).to_contain_text("Succeeded", timeout=WITHIN_MS)
    owner.get_by_role("tab", name="Result").focus()
    owner.keyboard.press("ArrowRight")
    expect(owner.get_by_role("tab", name="JSON")).to_have_attribute("aria-selected", "true")
    owner.keyboard.press("g")
    owner.keyboard.press("j")
    expect(owner).to_have_url(f"{streaming.url}/jobs")
    expect(owner.get_by_role("table", name="Jobs")).to_be_visible(timeout=WITHIN_MS)
    owner.keyboard.press("j")
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("heading", name="count")).to_be_visible(timeout=WITHIN_MS)
