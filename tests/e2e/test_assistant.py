"""The assistant of the editor: started, stopped, and its proposal accepted in parts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from puras.cli.main import main

from tests.doubles.messages import MessagesServer, calls, says
from tests.e2e.conftest import EMAIL, Settled, page_of, settled_instance
from tests.e2e.test_accessibility import assert_usable

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

FILE = "skills/count/main.py"
RUN_WITHIN_MS = 60_000


class Model:
    """A model that is held in its first run, and then proposes two changes of a file."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.is_held = True

    def __call__(self, body: dict[str, Any]) -> Any:
        if self.is_held:
            return says("I read the files.").but(hold_after=0, cut_after=0, release=self.release)
        if "tool_result" not in str(body["messages"][-1]):
            return says(
                calls(
                    "file_edit", path=FILE, old_string="import time\n", new_string="import time as clock\n"
                ),
                calls("file_edit", path=FILE, old_string="not markup", new_string="plain"),
            )
        return says(calls("set_output", summary="Two changes of **count**."))


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def settled(pages: None, model: Model) -> Iterator[Settled]:
    """Run an instance with the model."""
    with MessagesServer(model).running() as upstream:
        keys = {"ANTHROPIC_BASE_URL": upstream.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}
        with settled_instance(**keys) as settled:
            yield settled


@pytest.fixture
def user(browser: Browser, settled: Settled) -> Iterator[Page]:
    with page_of(browser, settled, EMAIL) as page:
        yield page


def test_assistant_is_stopped_and_its_proposal_accepted_in_parts(
    user: Page, settled: Settled, model: Model
) -> None:
    user.goto(f"{settled.url}/editor?file={FILE}")
    user.get_by_role("button", name="Assistant", exact=True).click()
    start_task(user, "Rename the clock.")
    expect(user.get_by_role("status").get_by_text("Working")).to_be_visible()
    user.get_by_role("button", name="Stop").click()
    expect(user.get_by_text("Stopped", exact=True)).to_be_visible(timeout=RUN_WITHIN_MS)
    model.is_held = False
    model.release.set()
    user.get_by_role("button", name="New task").click()
    start_task(user, "Rename the clock, and the note.")
    proposal = user.get_by_role("region", name="Proposal", exact=True)
    expect(proposal.get_by_text("2 of 2 changes to decide")).to_be_visible(timeout=RUN_WITHIN_MS)
    assert_usable(user, "proposal of the assistant")
    proposal.get_by_role("button", name=f"Accept change 1 of {FILE}").press("Enter")
    proposal.get_by_role("button", name=f"Reject change 2 of {FILE}").press("Enter")
    expect(proposal.get_by_text("0 of 2 changes to decide")).to_be_visible()
    expect(user.get_by_text("Saved", exact=True)).to_be_visible()
    stored = settled.api.get(f"/v1/drafts/files/{FILE}").text
    assert "import time as clock\n" in stored
    assert "not markup" in stored


def test_failed_job_opens_the_assistant(user: Page, settled: Settled) -> None:
    body = {"skill": "count", "inputs": {"seconds": 2}, "limits": {"timeout_s": 0.5}}
    failed = settled.api.post("/v1/jobs", json=body).json()["id"]
    user.goto(f"{settled.url}/jobs/{failed}")
    user.get_by_role("link", name="Explain this failure").click(timeout=RUN_WITHIN_MS)
    expect(task_of(user)).to_have_value("Explain this failure.")
    expect(user.get_by_role("link", name=failed[-8:])).to_be_visible()
    assert_usable(user, "task of the assistant")
    expect(user.get_by_text(re.compile(r"costs at most \$1\.00"))).to_be_visible()
    user.get_by_label("Budget (USD)").fill("50")
    expect(user.get_by_role("button", name="Start", exact=True)).to_be_disabled()


def test_command_applies_the_proposal(
    settled: Settled, model: Model, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model.is_held = False
    settled.api.post("/v1/drafts/reset", json={"version": 1}).raise_for_status()
    monkeypatch.setenv("PURAS_API_BASE", settled.running.url)
    monkeypatch.setenv("PURAS_API_KEY", settled.api.headers["Authorization"].removeprefix("Bearer "))
    assert main(["assist", "Rename the clock", "--apply", "--yes"]) == 0
    printed = capsys.readouterr()
    assert "-import time\n+import time as clock\n" in printed.out
    assert "Two changes" in printed.err
    stored = settled.api.get(f"/v1/drafts/files/{FILE}").text
    assert "import time as clock\n" in stored
    assert "plain" in stored


def task_of(page: Page) -> Locator:
    return page.get_by_label("What should the assistant do?")


def start_task(page: Page, task: str) -> None:
    task_of(page).fill(task)
    task_of(page).press("Control+Enter")
