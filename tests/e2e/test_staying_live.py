"""Pages stay true: words as they come, a server that restarts, ten tabs, every width, and nobody else's project."""

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

SOON_MS, BACK_WITHIN_MS = 20_000, 60_000
TABS = 10
WIDTHS = (1024, 1280, 1920)
TRIAGE = b"""entrypoint: prompt.md
input_schema: {type: object, properties: {ticket: {type: text}}, required: [ticket]}
output_schema: {type: object, properties: {team: {type: string}}}
tools:
  - {name: refund, description: Gives money back., entrypoint: "tools.py:refund", confirm: true,
     input_schema: {type: object, properties: {order: {type: string}}, required: [order]},
     output_schema: {type: object, properties: {refunded: {type: boolean}}}}
"""
AGENT = {
    "skills/triage/skill.yaml": TRIAGE,
    "skills/triage/prompt.md": b"You triage tickets.",
    "skills/triage/tools.py": b"def refund(order):\n    return {'refunded': True}\n",
}


class Speaker:
    """A model whose first reply stops in the middle of a sentence until it is let go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, body: dict[str, Any]) -> Any:
        if len(body["messages"]) > 1:
            return says(calls("set_output", team="shipping"))
        held = says("I look into it, and then I ask.", calls("refund", order="7"), hold_after=5)
        return held.but(release=self.go_on)


@pytest.fixture(scope="module")
def speaker() -> Speaker:
    return Speaker()


@pytest.fixture(scope="module")
def speaking(pages: None, speaker: Speaker) -> Iterator[Settled]:
    """An instance whose model streams, with an agent that asks before it acts."""
    with MessagesServer(speaker).running() as upstream:
        keys = {"ANTHROPIC_BASE_URL": upstream.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}
        with settled_instance(**keys) as settled:
            pushed = settled.api.post(
                "/v1/deployments", files={"bundle": ("agent.zip", pack_files({**AGENT, **COUNT}))}
            )
            assert pushed.status_code == 201, pushed.text
            yield settled
        speaker.go_on.set()


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
def owner(browser: Browser, speaking: Settled) -> Iterator[Page]:
    """A page of the speaking instance, in which its owner is signed in."""
    with page_of(browser, speaking, EMAIL) as page:
        yield page


def submit(settled: Settled, skill: str, **inputs: Any) -> str:
    answer = settled.api.post("/v1/jobs", json={"skill": skill, "inputs": inputs})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_words_are_seen_as_they_come_and_the_call_is_approved_where_they_are(
    owner: Page, speaking: Settled, speaker: Speaker
) -> None:
    job_id = submit(speaking, "triage", ticket="It never came")
    owner.goto(f"{speaking.url}/jobs/{job_id}?tab=transcript")
    transcript = owner.get_by_role("log", name="Transcript")
    expect(transcript).to_contain_text("replying", timeout=SOON_MS)
    expect(transcript).to_contain_text("I ")
    speaker.go_on.set()
    asking = owner.get_by_role("region", name="Calls awaiting approval")
    asking.get_by_role("button", name="Approve").click(timeout=SOON_MS)
    expect(owner.get_by_text("Succeeded").first).to_be_visible(timeout=SOON_MS)
    expect(transcript).to_contain_text("set_output")


def test_a_page_catches_up_without_a_gap_when_the_server_restarts(owner: Page, speaking: Settled) -> None:
    job_id = submit(speaking, "count", seconds=25)
    owner.goto(f"{speaking.url}/jobs/{job_id}?tab=logs")
    log = owner.get_by_role("log", name="Log")
    expect(log).to_contain_text("counted 2", timeout=SOON_MS)
    home = Path(speaking.running.environment["PURAS_HOME"])
    kill(children_called(speaking.running.up, home, "studio.serve"))
    expect(log).to_contain_text("counted 25", timeout=BACK_WITHIN_MS)
    lines = [line for line in log.locator(".line").all_inner_texts() if line.startswith("counted")]
    assert lines == [f"counted {number}" for number in range(1, 26)]
    expect(owner.get_by_text("Succeeded").first).to_be_visible(timeout=BACK_WITHIN_MS)


def test_ten_tabs_of_a_running_job_all_live_and_none_hangs(owner: Page, speaking: Settled) -> None:
    job_id = submit(speaking, "count", seconds=40)
    tabs = [owner, *(owner.context.new_page() for _ in range(TABS - 1))]
    for tab in tabs:
        tab.goto(f"{speaking.url}/jobs/{job_id}?tab=logs")
    for tab in tabs:
        tab.bring_to_front()
        expect(tab.get_by_role("log", name="Log")).to_contain_text("counted 3", timeout=BACK_WITHIN_MS)
    tabs[-1].get_by_role("button", name="Cancel", exact=True).click()
    tabs[-1].get_by_role("button", name="Cancel job").click()
    for tab in (tabs[0], tabs[-1]):
        tab.bring_to_front()
        expect(tab.get_by_text("Canceled").first).to_be_visible(timeout=SOON_MS)


def test_nothing_is_wider_than_the_screen_at_any_width(owner: Page, speaking: Settled) -> None:
    ended = submit(speaking, "count", seconds=0)
    speaking.api.get(f"/v1/jobs/{ended}", params={"wait": "true"})
    places = {
        f"{speaking.running.url}/": "Atelier",
        f"{speaking.url}/jobs": "Submitted",
        f"{speaking.url}/jobs/{ended}": "Succeeded",
        f"{speaking.url}/play/triage?c=~~&c=1~~": "ticket",
    }
    for width in WIDTHS:
        owner.set_viewport_size({"width": width, "height": 900})
        for place, sign in places.items():
            owner.goto(place)
            expect(owner.get_by_role("main").get_by_text(sign).first).to_be_visible(timeout=SOON_MS)
            wider = owner.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, (width, place, wider)
            reached = owner.get_by_role("main").evaluate("main => main.scrollWidth - main.clientWidth")
            assert reached <= 0, (width, place, reached)


def test_every_tab_of_every_page_opens_without_an_error(owner: Page, speaking: Settled) -> None:
    job_id = submit(speaking, "count", seconds=0)
    speaking.api.get(f"/v1/jobs/{job_id}", params={"wait": "true"})
    for place in ("", "/jobs", f"/jobs/{job_id}", "/play/triage", "/editor", "/usage", "/settings"):
        owner.goto(speaking.url + place)
        expect(owner.get_by_role("navigation", name="Breadcrumb")).to_contain_text("Atelier", timeout=SOON_MS)
        expect(owner.get_by_role("main").get_by_text("Loading…")).to_have_count(0, timeout=SOON_MS)
        for tab in owner.get_by_role("main").get_by_role("tab").all():
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")


def test_a_person_of_another_project_sees_nothing_of_this_one(
    browser: Browser, owner: Page, speaking: Settled
) -> None:
    job_id = submit(speaking, "count", seconds=0)
    speaking.running.operate(
        "user", "create", "mallory@example.org", "--password-stdin", typed=f"{PASSWORD}\n"
    )
    with (
        closing(speaking.sign_in("mallory@example.org")) as stranger,
        page_of(browser, speaking, "mallory@example.org") as page,
    ):
        for place in ("", "/jobs", f"/jobs/{job_id}", "/play/count", "/editor"):
            page.goto(speaking.url + place)
            expect(page.get_by_role("alert")).to_contain_text("There is no project", timeout=SOON_MS)
            assert "counted" not in page.content()
        asked = stranger.get(f"/v1/jobs/{job_id}", headers={"X-Puras-Project": speaking.slug})
        assert asked.status_code == 404


def test_a_job_is_run_watched_and_left_with_the_keys_alone(owner: Page, speaking: Settled) -> None:
    owner.goto(f"{speaking.url}/jobs")
    expect(owner.get_by_role("main")).to_be_visible()
    owner.keyboard.press("Control+k")
    owner.keyboard.type("try count")
    expect(owner.get_by_role("option", name="Skills Try count", exact=True)).to_be_visible(timeout=SOON_MS)
    owner.keyboard.press("Enter")
    expect(owner).to_have_url(f"{speaking.url}/play/count")
    field = owner.get_by_label("seconds")
    expect(field).to_be_visible(timeout=SOON_MS)
    for _ in range(60):
        if field.evaluate("field => field === document.activeElement"):
            break
        owner.keyboard.press("Tab")
    expect(field).to_be_focused()
    owner.keyboard.type("0")
    owner.keyboard.press("Control+Enter")
    expect(owner.get_by_role("article", name="Column 1")).to_contain_text("Succeeded", timeout=SOON_MS)
    owner.get_by_role("tab", name="Result").focus()
    owner.keyboard.press("ArrowRight")
    expect(owner.get_by_role("tab", name="JSON")).to_have_attribute("aria-selected", "true")
    owner.keyboard.press("g")
    owner.keyboard.press("j")
    expect(owner).to_have_url(f"{speaking.url}/jobs")
    expect(owner.get_by_role("table", name="Jobs")).to_be_visible(timeout=SOON_MS)
    owner.keyboard.press("j")
    owner.keyboard.press("Enter")
    expect(owner.get_by_role("heading", name="count")).to_be_visible(timeout=SOON_MS)
