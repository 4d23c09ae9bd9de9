"""The admin page with workers, queue, users and credit, and the budgets of a project."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from backend.embedded import postgres
from tests.e2e.conftest import EMAIL, PASSWORD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_operator_sees_workers_queue_users_projects_and_adds_credit(signed_in: Page, settled: Any) -> None:
    body = {"skill": "count", "inputs": {"seconds": 60}}
    job_id = settled.api.post("/v1/jobs", json=body).json()["id"]
    signed_in.goto(settled.running.url)
    signed_in.get_by_role("link", name="Admin", exact=True).click()
    expect(signed_in).to_have_url(f"{settled.running.url}/operator")
    health = signed_in.get_by_role("list", name="Health").get_by_role("listitem")
    expect(health).to_have_count(4)
    expect(health.filter(has_text="Redis")).to_contain_text("Jobs start immediately")
    workers = signed_in.get_by_role("table", name="Workers").get_by_role("row")
    expect(workers.filter(has_text=f"{settled.slug}: count")).to_have_count(1, timeout=30_000)
    settled.api.post(f"/v1/jobs/{job_id}/cancel")
    expect(signed_in.get_by_role("table", name="Users")).to_contain_text(EMAIL)
    project = signed_in.get_by_role("table", name="Projects").get_by_role("row").filter(has_text=settled.slug)
    before = settled.api.get("/v1/billing/balance").json()["balance_micros"]
    project.get_by_role("button", name="Add credit").click()
    signed_in.get_by_role("textbox", name="Note").fill("for the tests")
    signed_in.get_by_role("spinbutton", name="Amount (USD)").fill("1.25")
    signed_in.get_by_role("button", name="Add credit", exact=True).click()
    expect(signed_in.get_by_text(f"The balance of {settled.slug} is $")).to_be_visible()
    assert settled.api.get("/v1/billing/balance").json()["balance_micros"] - before == 1_250_000
    assert settled.api.get("/v1/billing/ledger").json()[0]["note"] == "for the tests"


def test_drained_worker_is_replaced(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.running.url}/operator")
    workers = signed_in.get_by_role("table", name="Workers").get_by_role("row")
    expect(workers.nth(1)).to_be_visible()
    drained = workers.nth(1).locator("td").first.inner_text()[:8]
    workers.nth(1).get_by_role("button", name="Drain").click()
    signed_in.get_by_role("button", name="Start draining").click()
    expect(workers.filter(has_text=drained)).to_have_count(0, timeout=60_000)
    expect(workers.filter(has=signed_in.get_by_role("button", name="Drain")).first).to_be_visible(
        timeout=60_000
    )
    answer = settled.api.post("/v1/jobs?wait=true", json={"skill": "count", "inputs": {"seconds": 0}})
    assert answer.json()["status"] == "succeeded"


@contextmanager
def _crowded_worker(address: str) -> Iterator[None]:
    """Insert a worker whose host is low on memory, and send heartbeats for it within the context."""
    has_ended = threading.Event()

    def send_heartbeats() -> None:
        with psycopg.connect(address, autocommit=True) as connection:
            while not has_ended.wait(0.5):
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
        has_ended.set()
        sending.join()


def test_worker_without_resources_and_due_times_are_shown(signed_in: Page, settled: Any) -> None:
    address = postgres.attach(Path(settled.running.environment["PURAS_HOME"]))
    assert address
    later = (datetime.now(UTC) + timedelta(minutes=90)).isoformat()
    body = {"skill": "count", "inputs": {"seconds": 0}, "run_at": later}
    job_id = settled.api.post("/v1/jobs", json=body).json()["id"]
    with _crowded_worker(address):
        signed_in.goto(f"{settled.running.url}/operator")
        row = signed_in.get_by_role("table", name="Workers").get_by_role("row").filter(has_text="crowded")
        expect(row.get_by_text("low on memory", exact=True)).to_be_visible()
        expect(
            row.get_by_title("This worker claims no jobs. 12 MiB of memory available, 200 MiB needed")
        ).to_be_visible()
        queue = signed_in.get_by_role("table", name="Queue").get_by_role("row")
        expect(queue.filter(has_text="Not before the start time")).to_contain_text(
            re.compile("due in 1 h (29|30) m")
        )
    settled.api.post(f"/v1/jobs/{job_id}/cancel")


def test_operator_creates_a_user_in_the_browser(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.running.url}/operator")
    signed_in.get_by_role("button", name="New user").click()
    form = signed_in.get_by_role("form", name="New user")
    form.get_by_label("E-mail").fill(EMAIL)
    form.get_by_role("button", name="Create user").click()
    expect(form.get_by_role("alert")).to_contain_text("already")
    form.get_by_label("E-mail").fill("nova@example.org")
    form.get_by_label("Name").fill("Nova")
    form.get_by_role("button", name="Create user").click()
    link = signed_in.get_by_text("/reset?token=")
    expect(link).to_be_visible()
    users = signed_in.get_by_role("table", name="Users").get_by_role("row")
    expect(users.filter(has_text="nova@example.org")).to_contain_text("Never")
    expect(users.filter(has_text=EMAIL).get_by_role("button", name="Reset password")).to_have_count(0)
    first = link.inner_text()
    users.filter(has_text="nova@example.org").get_by_role("button", name="Reset password").click()
    signed_in.get_by_role("button", name="Create link").click()
    expect(link).not_to_have_text(first)
    browser = signed_in.context.browser
    assert browser is not None
    with closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(first)
        expect(page.get_by_text("Link not valid")).to_be_visible()
        page.goto(link.inner_text())
        page.get_by_label("New password").fill("three words make one")
        page.get_by_role("button", name="Set password").click()
        expect(page.get_by_role("heading", name="Create your first project")).to_be_visible()


def test_only_operators_can_open_the_admin_page(signed_in: Page, settled: Any) -> None:
    settled.running.operate("user", "create", "otto@example.org", "--password-stdin", typed=f"{PASSWORD}\n")
    with closing(settled.sign_in("otto@example.org")) as client:
        become(signed_in, client, settled.running.url)
        signed_in.goto(f"{settled.running.url}/operator")
        expect(signed_in.get_by_role("alert")).to_contain_text("Only operators of this instance")
        expect(signed_in.get_by_role("link", name="Admin", exact=True)).to_have_count(0)
        assert client.get("/v1/instance/workers").status_code == 403


def test_budget_is_created_exhausted_raised_and_deleted(signed_in: Page, settled: Any) -> None:
    submitted = {"skill": "count", "inputs": {"seconds": 0}}
    assert settled.api.post("/v1/jobs?wait=true", json=submitted).json()["cost_micros"] > 0
    signed_in.goto(f"{settled.url}/usage")
    signed_in.get_by_role("button", name="New budget").click()
    signed_in.get_by_role("textbox", name="Name").fill("Small change")
    signed_in.get_by_label("Scope").select_option("skill")
    signed_in.get_by_label("Target").select_option("count")
    signed_in.get_by_label("Limit (USD)").fill("0.000001")
    signed_in.get_by_role("button", name="Create budget").click()
    budget = (
        signed_in.get_by_role("list", name="Budgets").get_by_role("listitem").filter(has_text="Small change")
    )
    expect(budget.get_by_text("reached", exact=True)).to_be_visible()
    expect(budget).to_contain_text("Jobs are rejected (402 budget_reached) until")
    refused = settled.api.post("/v1/jobs", json=submitted)
    assert (refused.status_code, refused.json()["code"]) == (402, "budget_reached")
    budget.get_by_role("button", name="Edit").click()
    expect(signed_in.get_by_label("Limit (USD)")).to_have_value("0.000001")
    signed_in.get_by_label("Limit (USD)").fill("100")
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
        expect(signed_in.get_by_role("button", name="Add credit")).to_have_count(0)
    signed_in.context.clear_cookies()
    signed_in.context.add_cookies(owner)
    signed_in.goto(f"{settled.url}/usage")
    budget.get_by_role("button", name="Delete").click()
    signed_in.get_by_role("button", name="Delete budget").click()
    expect(budget).to_have_count(0)


def test_transactions_are_downloaded_as_csv(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.url}/usage")
    with signed_in.expect_download() as download:
        signed_in.get_by_role("link", name="Download CSV").click()
    assert re.fullmatch(r"ledger-[\w-]+\.csv", download.value.suggested_filename)
    lines = download.value.path().read_text(encoding="utf-8").splitlines()
    assert lines[0] == "id,at,kind,amount_usd,job_id,note,by"
    assert any("top_up" in line and "first credit" in line for line in lines)


def become(page: Page, client: httpx.Client, url: str) -> None:
    """Replace the session of a page's browser with that of another user."""
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": url} for one in client.cookies.jar]
    )


def test_page_of_a_project_waits_for_its_project_after_the_admin_page(signed_in: Page, settled: Any) -> None:
    """A full load first receives the state of the previous page, which has no project."""
    requests: list[str] = []
    signed_in.goto(f"{settled.running.url}/operator")
    expect(signed_in.get_by_role("table", name="Workers")).to_be_visible()
    release = _hold_messages_after_the_state(signed_in)
    signed_in.on("request", lambda request: requests.append(request.url) if "/v1/" in request.url else None)
    signed_in.goto(f"{settled.running.url}/p/{settled.slug}/editor")
    signed_in.wait_for_timeout(2_000)
    assert requests == []
    expect(signed_in.get_by_role("main")).to_have_text("Loading…")
    with signed_in.expect_response(re.compile("/v1/skillpacks/[^/]+/drafts")) as response:
        release()
    assert response.value.status == 200


def test_admin_page_waits_until_it_has_left_the_project(signed_in: Page, settled: Any) -> None:
    signed_in.goto(f"{settled.running.url}/operator")
    expect(signed_in.get_by_role("table", name="Workers")).to_be_visible()
    signed_in.goto(f"{settled.running.url}/p/{settled.slug}/jobs")
    expect(signed_in.get_by_role("link", name="Drive", exact=True)).to_be_visible()
    release = _hold_messages_after_the_state(signed_in)
    signed_in.goto(f"{settled.running.url}/operator")
    signed_in.wait_for_timeout(2_000)
    expect(signed_in.get_by_role("main")).to_have_text("Loading…")
    release()
    expect(signed_in.get_by_role("table", name="Workers")).to_be_visible()


def _hold_messages_after_the_state(page: Page) -> Callable[[], None]:
    """Let the socket of the next page receive the stored state and nothing else; return a function that lets it."""
    held: list[tuple[WebSocketRoute, str | bytes]] = []
    has_state = is_released = False

    def receive(socket: WebSocketRoute, message: str | bytes) -> None:
        nonlocal has_state
        if has_state and not is_released:
            held.append((socket, message))
            return
        has_state = has_state or '"is_ready' in str(message)
        socket.send(message)

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server().on_message(lambda message: receive(socket, message))

    def release() -> None:
        nonlocal is_released
        is_released = True
        for socket, message in held:
            socket.send(message)

    page.route_web_socket(re.compile("/_event"), connect)
    return release
