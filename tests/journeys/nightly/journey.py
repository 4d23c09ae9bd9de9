"""The steps of a night: a schedule runs an agent with memory and guardrails, and a gate rejects a worse version.

A signed webhook reports a failure, and another project pays for the same skill through the marketplace.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import puras

from backend.skills.archives.pack import pack_files
from benchmarks import commands
from benchmarks.client import Client, form
from benchmarks.instance import Running, environment, instance
from tests.doubles.messages import MessagesServer
from tests.journeys.journey_log import JourneyFailed, Log, check
from tests.journeys.nightly.model import reply

BUNDLE = Path(__file__).parent / "bundle"
ZONE = "Europe/Berlin"
PRICE_MICROS = 50_000
TIMEOUT_S = 120.0
NOTES = {"customer": "acme", "notes": "12 orders came in. ann@example.org likes formal letters."}
FAILING = {"customer": "acme", "notes": "3 orders came in, and there is a secret plan."}


class Receiver:
    """The server of the customer: it rejects the first request of each event, and verifies every signature."""

    def __init__(self, port: int = 0) -> None:
        self.secret = ""
        self.attempts: list[str] = []
        self.events: list[dict[str, Any]] = []
        receiver = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.take(dict(self.headers), body))
                self.end_headers()

            def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the library's name
                """Discard the message."""

        self.server = HTTPServer(("127.0.0.1", port), Hook)
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Return the status of the response to a request."""
        try:
            event = puras.verify_webhook(headers, body, self.secret)
        except puras.WebhookError:
            return 400
        self.attempts.append({name.lower(): value for name, value in headers.items()}["webhook-id"])
        if self.attempts.count(self.attempts[-1]) == 1:
            return 503
        self.events.append(event)
        return 200


def run_night(log: Log) -> None:
    """Run all steps, and log each one.

    Raises:
        JourneyFailed: a check failed.
    """
    receiver = Receiver()
    with _model(log) as model_settings:
        settings = {"PURAS_WEBHOOK_HOSTS": receiver.address, "PURAS_MARKET_FEE_PCT": "10", **model_settings}
        with instance(**settings) as running:
            log(f"instance ready after {running.ready_after_s:.0f} s, with its own database and queue")
            with running.client() as publisher, running.client(running.add_project()) as customer:
                _gated_deployments(publisher, log)
                slug = _publish_listing(publisher, log)
                _scheduled_runs(publisher, customer, slug, log)
                _failure(publisher, receiver, log)
                _accounts(publisher, customer, slug, running, log)


@contextmanager
def _model(log: Log) -> Iterator[dict[str, str]]:
    if os.environ.get("ANTHROPIC_API_KEY"):
        log("model: claude/haiku-4-5, with the API key of the environment")
        yield {}
        return
    with MessagesServer(reply).running() as server:
        log("model: a test server with the Messages API, since there is no ANTHROPIC_API_KEY")
        yield {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}


def _gated_deployments(publisher: Client, log: Log) -> None:
    first = _wait_for_gate(publisher, _push(publisher, {}))
    check("the first version passes its gate", first["is_active"], found=first)
    suite = publisher.call("GET", f"/v1/evals/{first['gate']['suites'][0]}")
    publisher.call("POST", f"/v1/evals/{suite['id']}/baseline")
    log(
        f"v1 pushed; its suite passed {suite['passed_runs']} of {suite['total_runs']}: "
        "it is active, and the suite is the baseline"
    )
    worse = {"skills/report/prompt.md": b"Submit the headline as a riddle that does not name the customer.\n"}
    second = _wait_for_gate(publisher, _push(publisher, worse))
    check("the worse version is rejected", second["gate"]["state"] == "refused", found=second)
    log(f"v2 pushed, whose prompt requests riddles; rejected: {second['gate']['reason']}")
    better = {"skills/report/NOTES.md": b"Nothing but a note has changed.\n"}
    third = _wait_for_gate(publisher, _push(publisher, better))
    check("the next version passes", third["is_active"], found=third)
    log("v3 pushed; its suite passed, so it is active; v2 was never active")


def _publish_listing(publisher: Client, log: Log) -> str:
    body = {"slug": "nightly-report", "skill": "report", "price_micros": PRICE_MICROS, "follows_active": True}
    publisher.call("POST", "/v1/marketplace/listings", body)
    publisher.call("PATCH", "/v1/marketplace/listings/nightly-report", {"status": "published"})
    log(f"published in the marketplace as nightly-report, for ${PRICE_MICROS / 1e6:.2f} per run")
    return "nightly-report"


def _scheduled_runs(publisher: Client, customer: Client, slug: str, log: Log) -> None:
    at = datetime.now(ZoneInfo(ZONE)) + timedelta(seconds=70)
    timing = {"cron": f"{at.minute} {at.hour} * * *", "time_zone": ZONE, "inputs": NOTES}
    own = publisher.call("POST", "/v1/schedules", {"name": "Nightly", "skill": "report", **timing})
    bought = customer.call("POST", "/v1/schedules", {"name": "Bought", "listing_id": slug, **timing})
    log(
        f"two schedules, {timing['cron']!r} in {ZONE}: one of the publisher, and one of another project for the listing"
    )
    first = _run_of(publisher, own, log, "the schedule of the publisher ran")
    events = _events(publisher, first["id"])
    guardrails = [event["payload"] for event in events if event["type"] == "rail"]
    check("the email address was redacted", "ann@example.org" not in str(first) + str(events), found=first)
    log(
        f"  guardrails: {guardrails[0]['rail']} redacted {guardrails[0]['matched']} before anything was stored"
    )
    [record] = publisher.call("POST", "/v1/memory/search", {"query": "tone of acme"})["results"]
    log(f"  memory: the agent stored {record['summary']!r}")
    again = publisher.call("POST", f"/v1/schedules/{own['id']}/run")
    second = _wait_for_end(publisher, again["job_id"])
    digest = [event for event in _events(publisher, second["id"]) if event["type"] == "memory_injected"]
    check(
        "the next run received the memory",
        bool(digest) and "Welcome" in second["result"]["headline"],
        found=second,
    )
    log(f"  the next run received it: {second['result']['headline']!r}")
    paid = _run_of(customer, bought, log, "the schedule of the other project ran")
    receipt = customer.call("GET", f"/v1/jobs/{paid['id']}/receipt")
    lines = ", ".join(f"{line['kind']} ${line['charged_micros'] / 1e6:.6f}" for line in receipt["lines"])
    check("the price was charged", receipt["lines"][0]["charged_micros"] == PRICE_MICROS, found=receipt)
    log(f"  paid by the other project: {lines}")
    check(
        "the other project did not receive the memory of the publisher",
        "Welcome" not in paid["result"]["headline"],
        found=paid,
    )


def _failure(publisher: Client, receiver: Receiver, log: Log) -> None:
    hook = {"url": f"http://{receiver.address}/hook", "events": ["job.failed"]}
    receiver.secret = publisher.call("POST", "/v1/webhooks", hook)["secret"]
    body = {"name": "Failing", "skill": "report", "cron": "@yearly", "inputs": FAILING}
    schedule = publisher.call("POST", "/v1/schedules", body)
    job = _wait_for_end(publisher, publisher.call("POST", f"/v1/schedules/{schedule['id']}/run")["job_id"])
    check("the guardrail failed the job", job["error_code"] == "rail_blocked", found=job)
    log(f"a run whose report contains a plan fails: {job['error']}")
    _until("the webhook was delivered", lambda: receiver.events)
    [event] = receiver.events
    check("it contains the job ID", event["data"]["job_id"] == job["id"], found=event)
    check(
        "one delivery, two attempts",
        len(set(receiver.attempts)) == 1 and len(receiver.attempts) == 2,
        found=receiver.attempts,
    )
    log(
        f"webhook {event['type']}: signature verified; the receiver returned 503 first, and received the same ID again"
    )


def _accounts(publisher: Client, customer: Client, slug: str, running: Running, log: Log) -> None:
    sales = publisher.call("GET", f"/v1/marketplace/listings/{slug}/sales")
    check("one sale", sales["succeeded"] == 1, found=sales)
    log(
        f"the publisher earned ${sales['earned_micros'] / 1e6:.3f}: the price minus the fee of the operator of 10 %"
    )
    spent = customer.call("GET", "/v1/usage?group_by=listing")
    log(f"the other project spent ${spent[0]['cost_micros'] / 1e6:.6f} on {spent[0]['group']}")
    audit = commands.run(("audit",), environment(running.home, running.port))
    check("the ledger is correct", audit.returncode == 0, found=audit.stdout + audit.stderr)
    log(f"puras-studio audit: {audit.stdout.strip().splitlines()[-1]}")


def _push(publisher: Client, changes: dict[str, bytes]) -> Any:
    files = {str(p.relative_to(BUNDLE)): p.read_bytes() for p in BUNDLE.rglob("*") if p.is_file()}
    body, kind = form(pack_files({**files, **changes}))
    return publisher.call("POST", "/v1/deployments", body, **{"Content-Type": kind})


def _wait_for_gate(publisher: Client, version: Any) -> Any:
    def find() -> Any:
        now = publisher.call("GET", f"/v1/deployments/{version['id']}")
        return now if now["gate"]["state"] != "gating" else None

    return _until("the gate has decided", find)


def _run_of(client: Client, schedule: Any, log: Log, description: str) -> Any:
    runs = _until(description, lambda: client.call("GET", f"/v1/schedules/{schedule['id']}/runs"))
    check(description, runs[-1]["outcome"] == "submitted", found=runs)
    job = _wait_for_end(client, runs[-1]["job_id"])
    check(description, job["status"] == "succeeded", found=job)
    log(f"{description} automatically: {job['status']}, {job['result']['headline']!r}")
    return job


def _wait_for_end(client: Client, job_id: str) -> Any:
    def find() -> Any:
        job = client.call("GET", f"/v1/jobs/{job_id}")
        return job if job["finished_at"] else None

    return _until("the job has ended", find)


def _events(client: Client, job_id: str) -> Any:
    return client.call("GET", f"/v1/jobs/{job_id}/events")


def _until(description: str, find: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.2)
    raise JourneyFailed(f"{description}: not within {TIMEOUT_S:.0f} s")
