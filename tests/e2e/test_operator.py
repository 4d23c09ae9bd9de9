"""The operator's page, and money: who sees it, what it shows of workers and queue, top-ups, and budgets."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, expect

from backend.embedded import postgres
from tests.e2e.conftest import EMAIL, PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_an_operator_sees_workers_queue_people_and_projects_and_puts_money_in(
    signed_in: Page, settled: Any
) -> None:
    body = {"skill": "count", "inputs": {"seconds": 60}}
    job_id = settled.api.post("/v1/jobs", json=body).json()["id"]
    signed_in.goto(settled.running.url)
    signed_in.get_by_role("link", name="Operator").click()
    expect(signed_in).to_have_url(f"{settled.running.url}/operator")
    health = signed_in.get_by_role("list", name="Health").get_by_role("listitem")
    expect(health).to_have_count(4)
    expect(health.filter(has_text="Redis")).to_contain_text("Jobs start immediately")
    workers = signed_in.get_by_role("table", name="Workers").get_by_role("row")
    expect(workers.filter(has_text=f"{settled.slug}: count")).to_have_count(1, timeout=30_000)
    settled.api.post(f"/v1/jobs/{job_id}/cancel")
    expect(signed_in.get_by_role("table", name="People")).to_contain_text(EMAIL)
    project = signed_in.get_by_role("table", name="Projects").get_by_role("row").filter(has_text=settled.slug)
    before = settled.api.get("/v1/billing/balance").json()["balance_micros"]
    project.get_by_role("button", name="Top up").click()
    signed_in.get_by_role("textbox", name="Why").fill("for the tests")
    signed_in.get_by_role("spinbutton", name="Dollars").fill("1.25")
    signed_in.get_by_role("button", name="Put it in").click()
    expect(signed_in.get_by_text(f"{settled.slug} has $")).to_be_visible()
    assert settled.api.get("/v1/billing/balance").json()["balance_micros"] - before == 1_250_000
    assert settled.api.get("/v1/billing/ledger").json()[0]["note"] == "for the tests"


def test_a_worker_is_drained_and_another_takes_its_place(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.running.url}/operator")
    workers = signed_in.get_by_role("table", name="Workers").get_by_role("row")
    expect(workers.nth(1)).to_be_visible()
    gone = workers.nth(1).locator("td").first.inner_text()[:8]
    workers.nth(1).get_by_role("button", name="Drain").click()
    signed_in.get_by_role("button", name="Drain it").click()
    expect(workers.filter(has_text=gone)).to_have_count(0, timeout=60_000)
    expect(workers.filter(has=signed_in.get_by_role("button", name="Drain")).first).to_be_visible(
        timeout=60_000
    )
    answer = settled.api.post("/v1/jobs?wait=true", json={"skill": "count", "inputs": {"seconds": 0}})
    assert answer.json()["status"] == "succeeded"


@contextmanager
def _crowded_worker(address: str) -> Iterator[None]:
    """A worker whose host is short of memory, for as long as it sends heartbeats."""
    is_over = threading.Event()

    def send_heartbeats() -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            while not is_over.wait(0.5):
                connection.execute(
                    "insert into workers (id, host, pid, lanes, capacity, running, sandbox_layers, started_at,"
                    " beat_at, stopping, shortage) values (%s, 'crowded', 7, '{elsewhere}', 4, 0, '{}', now(),"
                    " now(), false, 'memory: 12 MiB of memory available, 200 MiB needed')"
                    " on conflict (id) do update set beat_at = now()",
                    (worker_id,),
                )
            connection.execute("delete from workers where id = %s", (worker_id,))

    worker_id = uuid4()
    sending = threading.Thread(target=send_heartbeats)
    sending.start()
    try:
        yield
    finally:
        is_over.set()
        sending.join()


def test_a_worker_whose_host_lacks_something_is_tagged_and_jobs_for_later_say_when_they_are_due(
    signed_in: Page, settled: Any
) -> None:
    address = postgres.attach(Path(settled.running.environment["PURAS_HOME"]))
    assert address
    later = (datetime.now(UTC) + timedelta(minutes=90)).isoformat()
    body = {"skill": "count", "inputs": {"seconds": 0}, "run_at": later}
    job_id = settled.api.post("/v1/jobs", json=body).json()["id"]
    with _crowded_worker(address):
        signed_in.goto(f"{settled.running.url}/operator")
        row = signed_in.get_by_role("table", name="Workers").get_by_role("row").filter(has_text="crowded")
        expect(row.get_by_text("short of memory", exact=True)).to_be_visible()
        expect(
            row.get_by_title("It claims no jobs. 12 MiB of memory available, 200 MiB needed")
        ).to_be_visible()
        queue = signed_in.get_by_role("table", name="Queue").get_by_role("row")
        expect(queue.filter(has_text="for their time to come")).to_contain_text(
            re.compile("next in 1 h (29|30) m")
        )
    settled.api.post(f"/v1/jobs/{job_id}/cancel")


def test_somebody_new_gets_an_account_in_the_browser(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.running.url}/operator")
    signed_in.get_by_role("button", name="New person").click()
    form = signed_in.get_by_role("form", name="New person")
    form.get_by_label("E-mail").fill(EMAIL)
    form.get_by_role("button", name="Make the account").click()
    expect(form.get_by_role("alert")).to_contain_text("already")
    form.get_by_label("E-mail").fill("nova@example.org")
    form.get_by_label("Name").fill("Nova")
    form.get_by_role("button", name="Make the account").click()
    link = signed_in.get_by_text("/reset?token=")
    expect(link).to_be_visible()
    people = signed_in.get_by_role("table", name="People").get_by_role("row")
    expect(people.filter(has_text="nova@example.org")).to_contain_text("not signed in")
    expect(people.filter(has_text=EMAIL).get_by_role("button", name="Password link")).to_have_count(0)
    first = link.inner_text()
    people.filter(has_text="nova@example.org").get_by_role("button", name="Password link").click()
    signed_in.get_by_role("button", name="Make it").click()
    expect(link).not_to_have_text(first)
    browser = signed_in.context.browser
    assert browser is not None
    with closing(browser.new_context()) as stranger:
        page = stranger.new_page()
        page.goto(first)
        expect(page.get_by_text("Link not valid")).to_be_visible()
        page.goto(link.inner_text())
        page.get_by_label("New password").fill("three words make one")
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_role("heading", name="Make your first project")).to_be_visible()


def test_who_is_no_operator_has_no_such_page(signed_in: Page, settled: Any) -> None:
    settled.running.operate("user", "create", "otto@example.org", "--password-stdin", typed=f"{PASSWORD}\n")
    with closing(settled.sign_in("otto@example.org")) as client:
        become(signed_in, client, settled.running.url)
        signed_in.goto(f"{settled.running.url}/operator")
        expect(signed_in.get_by_role("alert")).to_contain_text("for operators of the instance")
        expect(signed_in.get_by_role("link", name="Operator")).to_have_count(0)
        assert client.get("/v1/instance/workers").status_code == 403


def test_a_budget_is_made_reached_raised_and_deleted_and_a_viewer_only_reads(
    signed_in: Page, settled: Any
) -> None:
    submitted = {"skill": "count", "inputs": {"seconds": 0}}
    assert settled.api.post("/v1/jobs?wait=true", json=submitted).json()["cost_micros"] > 0
    signed_in.goto(f"{settled.url}/usage")
    signed_in.get_by_role("button", name="New budget").click()
    signed_in.get_by_role("textbox", name="Name").fill("Small change")
    signed_in.get_by_label("What it holds").select_option("skill")
    signed_in.get_by_label("Which one").select_option("count")
    signed_in.get_by_label("Most dollars").fill("0.000001")
    signed_in.get_by_role("button", name="Make the budget").click()
    budget = (
        signed_in.get_by_role("list", name="Budgets").get_by_role("listitem").filter(has_text="Small change")
    )
    expect(budget.get_by_text("reached", exact=True)).to_be_visible()
    expect(budget).to_contain_text("Jobs are refused (402 budget_reached) until")
    refused = settled.api.post("/v1/jobs", json=submitted)
    assert (refused.status_code, refused.json()["code"]) == (402, "budget_reached")
    budget.get_by_role("button", name="Change").click()
    expect(signed_in.get_by_label("Most dollars")).to_have_value("0.000001")
    signed_in.get_by_label("Most dollars").fill("100")
    signed_in.get_by_role("button", name="Save").click()
    expect(budget.get_by_text("reached", exact=True)).to_have_count(0)
    expect(budget).to_contain_text("of $100.00")
    assert settled.api.post("/v1/jobs", json=submitted).status_code == 201
    settled.running.operate("user", "create", "vic@example.org", "--password-stdin", typed=f"{PASSWORD}\n")
    settled.running.operate("project", "member", settled.slug, "vic@example.org", "--role", "viewer")
    with closing(settled.sign_in("vic@example.org")) as client:
        owner = signed_in.context.cookies()
        become(signed_in, client, settled.running.url)
        signed_in.goto(f"{settled.url}/usage")
        expect(budget).to_contain_text("of $100.00")
        expect(budget.get_by_role("button")).to_have_count(0)
        expect(signed_in.get_by_role("button", name="New budget")).to_have_count(0)
        expect(signed_in.get_by_role("button", name="Top up")).to_have_count(0)
    signed_in.context.clear_cookies()
    signed_in.context.add_cookies(owner)
    signed_in.goto(f"{settled.url}/usage")
    budget.get_by_role("button", name="Delete").click()
    signed_in.get_by_role("button", name="Delete it").click()
    expect(budget).to_have_count(0)


def test_the_wallets_movements_are_downloaded_as_csv(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/usage")
    with signed_in.expect_download() as download:
        signed_in.get_by_role("link", name="Download as CSV").click()
    assert re.fullmatch(r"ledger-[\w-]+\.csv", download.value.suggested_filename)
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,at,kind,amount_usd,job_id,note,by"
    assert any("top_up" in line and "first credit" in line for line in lines)


def become(page: Page, client: httpx.Client, url: str) -> None:
    """Let the page's browser be where somebody else is signed in."""
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": url} for one in client.cookies.jar]
    )
