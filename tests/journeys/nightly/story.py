"""One night: a schedule runs an agent with memory and rails, a gate holds a worse version back, a failure is told to a
signed webhook, and another project pays for the same skill through the marketplace.
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
from tests.journeys.nightly.model import answer
from tests.journeys.telling import Broken, Tell, check

BUNDLE = Path(__file__).parent / "bundle"
ZONE = "Europe/Berlin"
PRICE_MICROS = 50_000
PATIENCE_S = 120.0
NOTES = {"customer": "acme", "notes": "12 orders came in. ann@example.org likes formal letters."}
FAILING = {"customer": "acme", "notes": "3 orders came in, and there is a secret plan."}


class Receiver:
    """The customer's server: it is away for the first request of each event, and checks every signature."""

    def __init__(self, port: int = 0) -> None:
        self.secret = ""
        self.tries: list[str] = []
        self.events: list[dict[str, Any]] = []
        receiver = self

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(receiver.take(dict(self.headers), body))
                self.end_headers()

            def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the library's name
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", port), Hook)
        self.place = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """The status that a request is answered with."""
        try:
            event = puras.verify_webhook(headers, body, self.secret)
        except puras.WebhookError:
            return 400
        self.tries.append({name.lower(): value for name, value in headers.items()}["webhook-id"])
        if self.tries.count(self.tries[-1]) == 1:
            return 503
        self.events.append(event)
        return 200


def tell_night(tell: Tell) -> None:
    """Live through the night, and tell each thing that holds.

    Raises:
        Broken: something did not hold.
    """
    receiver = Receiver()
    with _model(tell) as model_settings:
        settings = {"PURAS_WEBHOOK_HOSTS": receiver.place, "PURAS_MARKET_FEE_PCT": "10", **model_settings}
        with instance(**settings) as running:
            tell(f"instance up after {running.ready_after_s:.0f} s, with a database and a queue of its own")
            with running.client() as publisher, running.client(running.add_project()) as customer:
                _gated_deployments(publisher, tell)
                slug = _offer(publisher, tell)
                _nights(publisher, customer, slug, tell)
                _failure(publisher, receiver, tell)
                _books(publisher, customer, slug, running, tell)


@contextmanager
def _model(tell: Tell) -> Iterator[dict[str, str]]:
    if os.environ.get("ANTHROPIC_API_KEY"):
        tell("model: claude/haiku-4-5, with the key of the environment")
        yield {}
        return
    with MessagesServer(answer).running() as server:
        tell("model: a server on a socket that speaks the Messages API, since there is no ANTHROPIC_API_KEY")
        yield {"ANTHROPIC_BASE_URL": server.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}


def _gated_deployments(publisher: Client, tell: Tell) -> None:
    first = _decided(publisher, _push(publisher, {}))
    check("the first version passes its gate", first["is_active"], found=first)
    suite = publisher.call("GET", f"/v1/evals/{first['gate']['suites'][0]}")
    publisher.call("POST", f"/v1/evals/{suite['id']}/baseline")
    tell(
        f"v1 pushed; its suite passed {suite['passed_runs']} of {suite['total_runs']}: "
        "it is active, and the suite is the baseline"
    )
    worse = {"skills/report/prompt.md": b"Hand in the headline as a riddle that names nobody.\n"}
    second = _decided(publisher, _push(publisher, worse))
    check("the worse version is refused", second["gate"]["state"] == "refused", found=second)
    tell(f"v2 pushed, whose prompt asks for riddles; refused: {second['gate']['reason']}")
    better = {"skills/report/NOTES.md": b"Nothing but a note has changed.\n"}
    third = _decided(publisher, _push(publisher, better))
    check("the next version passes", third["is_active"], found=third)
    tell("v3 pushed; its suite passed, so it is active, and v2 never was")


def _offer(publisher: Client, tell: Tell) -> str:
    body = {"slug": "nightly-report", "skill": "report", "price_micros": PRICE_MICROS, "follows_active": True}
    publisher.call("POST", "/v1/marketplace/listings", body)
    publisher.call("PATCH", "/v1/marketplace/listings/nightly-report", {"status": "published"})
    tell(f"offered on the marketplace as nightly-report, for ${PRICE_MICROS / 1e6:.2f} a run")
    return "nightly-report"


def _nights(publisher: Client, customer: Client, slug: str, tell: Tell) -> None:
    at = datetime.now(ZoneInfo(ZONE)) + timedelta(seconds=70)
    clock = {"cron": f"{at.minute} {at.hour} * * *", "time_zone": ZONE, "inputs": NOTES}
    own = publisher.call("POST", "/v1/schedules", {"name": "Nightly", "skill": "report", **clock})
    bought = customer.call("POST", "/v1/schedules", {"name": "Bought", "listing_id": slug, **clock})
    tell(
        f"two schedules, {clock['cron']!r} in {ZONE}: the publisher's own, and one of another project for the listing"
    )
    first = _run_of(publisher, own, tell, "the publisher's schedule came")
    events = _events(publisher, first["id"])
    rails = [event["payload"] for event in events if event["type"] == "rail"]
    check("the address was taken out", "ann@example.org" not in str(first) + str(events), found=first)
    tell(f"  rails: {rails[0]['rail']} redacted {rails[0]['matched']} before anything was stored")
    [record] = publisher.call("POST", "/v1/memory/search", {"query": "tone of acme"})["results"]
    tell(f"  memory: the agent wrote {record['summary']!r}")
    again = publisher.call("POST", f"/v1/schedules/{own['id']}/run")
    second = _ended(publisher, again["job_id"])
    digest = [event for event in _events(publisher, second["id"]) if event["type"] == "memory_injected"]
    check("the next night knew", bool(digest) and "Dear" in second["result"]["headline"], found=second)
    tell(f"  the next run was told so: {second['result']['headline']!r}")
    paid = _run_of(customer, bought, tell, "the other project's schedule came")
    receipt = customer.call("GET", f"/v1/jobs/{paid['id']}/receipt")
    lines = ", ".join(f"{line['kind']} ${line['charged_micros'] / 1e6:.6f}" for line in receipt["lines"])
    check("it paid the price", receipt["lines"][0]["charged_micros"] == PRICE_MICROS, found=receipt)
    tell(f"  paid by the other project: {lines}")
    check("the publisher's memory was not told", "Dear" not in paid["result"]["headline"], found=paid)


def _failure(publisher: Client, receiver: Receiver, tell: Tell) -> None:
    hook = {"url": f"http://{receiver.place}/hook", "events": ["job.failed"]}
    receiver.secret = publisher.call("POST", "/v1/webhooks", hook)["secret"]
    body = {"name": "Failing", "skill": "report", "cron": "@yearly", "inputs": FAILING}
    schedule = publisher.call("POST", "/v1/schedules", body)
    job = _ended(publisher, publisher.call("POST", f"/v1/schedules/{schedule['id']}/run")["job_id"])
    check("the rail ended it", job["error_code"] == "rail_blocked", found=job)
    tell(f"a night whose report tells a plan fails: {job['error']}")
    _until("the webhook was taken", lambda: receiver.events)
    [event] = receiver.events
    check("it names the job", event["data"]["job_id"] == job["id"], found=event)
    check(
        "one delivery, two tries",
        len(set(receiver.tries)) == 1 and len(receiver.tries) == 2,
        found=receiver.tries,
    )
    tell(
        f"webhook {event['type']}: signature checked; the receiver was away at first (503), and got the same id again"
    )


def _books(publisher: Client, customer: Client, slug: str, running: Running, tell: Tell) -> None:
    sales = publisher.call("GET", f"/v1/marketplace/listings/{slug}/sales")
    check("one sale", sales["succeeded"] == 1, found=sales)
    tell(f"the publisher earned ${sales['earned_micros'] / 1e6:.3f}: the price less the operator's tenth")
    spent = customer.call("GET", "/v1/usage?group_by=listing")
    tell(f"the other project spent ${spent[0]['cost_micros'] / 1e6:.6f} on {spent[0]['group']}")
    audit = commands.run(("audit",), environment(running.home, running.port))
    check("the books add up", audit.returncode == 0, found=audit.stdout + audit.stderr)
    tell(f"puras-studio audit: {audit.stdout.strip().splitlines()[-1]}")


def _push(publisher: Client, changes: dict[str, bytes]) -> Any:
    files = {str(p.relative_to(BUNDLE)): p.read_bytes() for p in BUNDLE.rglob("*") if p.is_file()}
    body, kind = form(pack_files({**files, **changes}))
    return publisher.call("POST", "/v1/deployments", body, **{"Content-Type": kind})


def _decided(publisher: Client, version: Any) -> Any:
    def look() -> Any:
        now = publisher.call("GET", f"/v1/deployments/{version['id']}")
        return now if now["gate"]["state"] != "gating" else None

    return _until("the gate has decided", look)


def _run_of(client: Client, schedule: Any, tell: Tell, what: str) -> Any:
    runs = _until(what, lambda: client.call("GET", f"/v1/schedules/{schedule['id']}/runs"))
    check(what, runs[-1]["outcome"] == "submitted", found=runs)
    job = _ended(client, runs[-1]["job_id"])
    check(what, job["status"] == "succeeded", found=job)
    tell(f"{what} by itself: {job['status']}, {job['result']['headline']!r}")
    return job


def _ended(client: Client, job_id: str) -> Any:
    def look() -> Any:
        job = client.call("GET", f"/v1/jobs/{job_id}")
        return job if job["finished_at"] else None

    return _until("the job has ended", look)


def _events(client: Client, job_id: str) -> Any:
    return client.call("GET", f"/v1/jobs/{job_id}/events")


def _until(what: str, look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.2)
    raise Broken(f"{what}: not within {PATIENCE_S:.0f} s")
