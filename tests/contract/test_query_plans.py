"""No statement of the code scans a growing table completely, or reads many more pages than its response needs.

The statements are intercepted on their way to the server of an instance with two months of data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from backend import housekeeping
from backend.administration.projects import first_steps
from backend.administration.retention import rows
from backend.app import create_app
from backend.config import Settings
from backend.config.quotas import Quotas
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import metadata
from backend.data.memory.digest import digest
from backend.data.memory.embedding_queue import BEFORE_ALL_PROJECTS, WAITING
from backend.data.secrets import service as secrets
from backend.embedded import Servers
from backend.evals.case_of_job import case_of
from backend.evals.dataset import SuiteCase, Target, cases_of
from backend.evals.errors import NothingRecorded
from backend.evals.insights.queries import MAX_JOBS, read, steps
from backend.evals.planning import SuiteResources
from backend.evals.replayed_job import recordings_of
from backend.evals.runner import advance_all
from backend.execution.approvals.expiry import expire_due
from backend.execution.approvals.worker import decisions
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import LogEvent
from backend.execution.jobs.attempts.claim import JobAttempt, claim, claim_quarantined, reserve_quarantined
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import recover_unreceived, sweep
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.attempts.subjobs import cancel_orphans, claim_subjob, parents_of_queued
from backend.execution.jobs.sorting import SORTS
from backend.execution.journal import service as journal
from backend.execution.journal.service import Entry, JournalWrite
from backend.execution.schedules.dispatcher import JobDefaults, fire_due
from backend.execution.sessions import cost as session_cost
from backend.execution.sessions.history import earlier_turns
from backend.execution.waits import service as waits
from backend.execution.worker_registry import service as worker_registry
from backend.identity.api_keys import keys
from backend.identity.auth import membership
from backend.identity.auth.actors import SignedIn, operator
from backend.integrations.alerts.evaluation import evaluate_due
from backend.integrations.webhooks.channels import Channels
from backend.integrations.webhooks.dispatch import Dispatcher
from backend.integrations.webhooks.sending import Sender
from backend.money import admission
from backend.money.ledger import service as ledger
from backend.money.ledger.service import LineItem
from backend.money.pricing import PriceList
from backend.skills.manifest.types import Skill
from tests.contract.plans.fill import Filled, fill
from tests.contract.plans.watch import Explained, Watch, watching

MAX_PAGES: Final = 600
"""The maximum number of pages of 8 KiB for a statement: what a batch of claims needs when each row has its own page."""
SMALL: Final = frozenset({"workers", "setup_links", "process_metrics"})
"""Tables that do not grow with use."""

LARGE_READS: Final = {
    "GET /v1/jobs?limit=": "200 jobs, each on a page of its own and with its ratings",
    "GET /v1/jobs, a later page": "50 queued jobs, each with its place, its window, its wallet and its ratings",
    "GET /v1/usage": "adds up the jobs of the days that it is asked for",
    "GET /v1/usage/overview": "adds up the jobs and calls of the week that it shows, by index",
    "alerts that are due": "add up the jobs of their windows and the queue of the project, by index",
    "GET /v1/annotation-queues": "counts the jobs of every queue by status, by index; a queue has at most 10,000",
    "GET /v1/annotation-queues/{queue_id}": "the same for one queue",
    "GET /v1/jobs/activity": "adds up the jobs of the day that it shows, by index; a week at most",
    "GET /v1/deployments": "counts the jobs that have not ended, by index, each on a page of its own",
    "GET /v1/skillpacks/{skillpack}/deployments": "the same",
    "GET /v1/memory?sort=": "sorts all records of the project, whose number its quota limits",
    "GET /v1/jobs?sort=": "50 jobs, each on a page of its own",
    "GET /v1/jobs?q=": "searches the text of every job of the project, newest first",
    "GET /v1/sessions?q=": "every session of the project has a word with this beginning",
    "GET /v1/skills/{name}/findings": "200 jobs of a skill of which 4,000 were submitted at the same moment",
    "GET /v1/approvals?skill=": "the pending approvals of the project, each with its job on a page of its own",
    "GET /v1/approvals?environment=": "the same",
    "GET /v1/skills/{name}/prompts": "the newest 2,000 jobs of a skill, each on a page of its own",
    "GET /v1/skills/{name}/prompts/{number}": "the same",
    "the recent jobs of a skill": "200 jobs, each on a page of its own",
    "the recordings of cases": "every run of the newest 20 suites, once, when a suite begins",
    "the steps of agents": "the events of 200 jobs, each on pages of its own",
    "park ready jobs": "moves every ready job of the project, here 200",
    "admit": "fills the window of the project from all pending jobs before it",
    "top up": "admits the pending jobs that fit into the window of the project, here 50",
    "the sweeper": "checks once the window of every project that has one",
    "send webhooks": "reads the due deliveries of fifty webhooks, each on pages of its own",
    "old deliveries": "deletes 200, each on a page of its own",
    "old runs of schedules": "the same",
    "old failure clusters": "checks for each whether a job with its signature is left",
    "search by a common word": "ranks 300 records that contain it, each on a page of its own",
    "housekeeping": "checks all tables, once an hour",
}
"""Steps that may touch more than `MAX_PAGES`, with the reasons. They must not scan tables except `ALLOWED_SCANS`."""
ALLOWED_SCANS: Final = {
    ("the sweeper", "admissions"): "one small row per project, most of them with room",
    ("the sweeper", "wallets"): "the same",
    ("the first steps in a project", "api_keys"): "this project has most of the keys",
    ("old failure clusters", "failure_clusters"): "one small row per error, and half of them are old here",
    ("housekeeping", "job_events"): "once, before a month gets its own partition",
    ("housekeeping", "invitations"): "once an hour; they expire within a week",
    ("housekeeping", "sessions"): "once an hour; they expire within a month",
    ("housekeeping", "password_resets"): "once an hour; they expire within a day",
    ("housekeeping", "deployments"): "once an hour; one row per push",
    ("housekeeping", "job_waits"): "once an hour; a row of a job that waits is deleted when it continues",
    ("housekeeping", "drive_usage"): "once an hour; one small row per project",
}


class World(NamedTuple):
    """An instance with two months of data, and a client for it."""

    instance: AppContext
    client: httpx.AsyncClient
    paths: list[str]
    """Every path with a GET operation."""
    filled: Filled


@pytest.fixture(scope="module")
def filled(database_url: str) -> Filled:
    return fill(database_url)


@pytest_asyncio.fixture
async def world(
    filled: Filled, database_url: str, servers: Servers, redis_url: str, tmp_path: Path
) -> AsyncIterator[World]:
    settings = Settings(home=tmp_path, database_url=database_url, redis_url=redis_url, log_level="ERROR")
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        instance: AppContext = app.state.context
        async with instance.database.transaction() as session:
            made = await keys.create(session, operator(filled.project_id), project_id=filled.project_id)
        bearer = {"Authorization": f"Bearer {made.plaintext}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=settings.url, headers=bearer
        ) as client:
            yield World(instance, client, _readable(app), filled)


async def test_no_statement_scans_a_growing_table_or_reads_too_many_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(monkeypatch) as watch:
        await _read_everything(watch, world)
        await _list_jobs_by(watch, world)
        await _submit(watch, world)
        await _remember(watch, world)
        await _work(watch, world)
        await _run_periodic_work(watch, world)
        await _evals(watch, world)

    growing = set(metadata.tables) - SMALL
    bad = [line for one in watch.explained if (line := _complaint(one, growing))]
    assert not bad, "\n\n".join(bad)
    unused = LARGE_READS.keys() - {_step(one) for one in watch.explained}
    assert not unused, f"no step has the names {sorted(unused)}: remove them from LARGE_READS"


def _complaint(one: Explained, growing: set[str]) -> str | None:
    allowed = {table for step, table in ALLOWED_SCANS if step == _step(one)}
    scanned = sorted((one.scanned & growing) - allowed)
    problems = [f"reads {', '.join(scanned)} from end to end"] if scanned else []
    if one.pages > MAX_PAGES and _step(one) not in LARGE_READS:
        problems.append(f"touches {one.pages:,} pages")
    return f"{one.step}: {' and '.join(problems)}: {' '.join(one.sql.split())[:600]}" if problems else None


def _step(one: Explained) -> str:
    """Return the name of its step, without the values of parameters."""
    head, is_there, _ = one.step.partition("=")
    return head + is_there if head + is_there in LARGE_READS else one.step.partition("?")[0]


async def _read_everything(watch: Watch, world: World) -> None:
    filled = world.filled
    known = {
        "project": filled.project_id,
        "skillpack": filled.skillpack_id,
        "deployment": filled.deployment_id,
        "job_id": filled.job_id,
        "budget_id": filled.budget_id,
        "webhook_id": filled.webhook_id,
        "alert_id": filled.alert_id,
        "delivery_id": filled.delivery_id,
        "listing": filled.listing_id,
        "schedule_id": filled.schedule_id,
        "memory_id": filled.memory_id,
        "suite_id": filled.suite_id,
        "kernel_id": filled.kernel_id,
        "session_id": filled.session_id,
        "approval_id": filled.approval_id,
        "number": 1,
        "queue_id": filled.queue_id,
        "name": "echo",
        "skill": "echo",
        "model": "echo",
        "family": "claude",
        "path": "a.txt",
        "token": "x",
        "error_signature": "0" * 16,
        "analysis": uuid4(),
        "step": 1,
        "environment": "staging",
    }
    for path in world.paths:
        try:
            address = path.format(**known)
        except KeyError as unknown:
            pytest.fail(f"GET {path} is new: add a value of {unknown} from the data of `fill` to `known`.")
        # A stream of a session otherwise waits for the next message.
        query = "?follow=false" if path == "/v1/sessions/{session_id}/stream" else ""
        await _get(watch, world, address + query, step=f"GET {path}")
    for group in ("day", "skill", "model", "key", "version", "listing", "day,skill", "model,key"):
        await _get(watch, world, f"/v1/usage?group_by={group}")
    for query in (
        "status=",
        "skill=echo&status=",
        "environment=production&until=2100-01-01T00:00:00Z&status=",
    ):
        await _get(watch, world, f"/v1/approvals?{query}pending")
    for query in ("q=word7", "mine=true", "mine=true&q=word1&status=published"):
        await _get(watch, world, f"/v1/marketplace/listings?{query}")
    first = await world.client.get("/v1/marketplace/listings?limit=50")
    await _get(watch, world, first.links["next"]["url"], step="GET /v1/marketplace/listings, a later page")
    for query in ("sort=-price", "sort=title", "mine=true&sort=-earned"):
        await _get(
            watch, world, f"/v1/marketplace/listings?{query}", step="GET /v1/marketplace/listings?sort="
        )


async def _list_jobs_by(watch: Watch, world: World) -> None:
    since = (now() - timedelta(days=3)).isoformat().replace("+", "%2B")
    status = ("queued", "running", "waiting", "succeeded", "failed", "cancelled")
    filters = [
        *(f"status={one}" for one in status),
        "skill=skill-3",
        "skill=none",
        "source=studio",
        "source=none",
    ]
    filters += ["environment=production", "environment=staging", "environment=development"]
    filters += ["version=1", "version=10", f"since={since}", "q=nothing", "limit=200"]
    filters.append("error_signature=" + "0" * 16)
    for one in filters:
        await _get(watch, world, f"/v1/jobs?{one}")
    quarter = (now() - timedelta(days=90)).isoformat().replace("+", "%2B")
    for one in ("skill=skill-3", "version=3&environment=production", f"since={quarter}&limit=100"):
        await _get(watch, world, f"/v1/job-failures?{one}", step="GET /v1/job-failures")
    found = await world.client.get(f"/v1/job-failures?since={quarter}&state=all")
    error = f"/v1/job-failures/{found.json()['clusters'][0]['error_signature']}"
    await _get(watch, world, error, step="GET /v1/job-failures/{error_signature}")
    for action in ("resolve", "ignore", "reopen"):
        with watch.step(f"{action} an error"):
            response = await world.client.post(f"{error}/{action}")
        assert response.status_code == 200, response.text
    await _get(watch, world, "/v1/skills?environment=staging", step="GET /v1/skills")
    for one in ("q=word3500", "q=title 35", "skill=skill-3"):
        await _get(watch, world, f"/v1/sessions?{one}", step="GET /v1/sessions, filtered")
    await _get(watch, world, "/v1/sessions?q=wor", step="GET /v1/sessions?q=")
    for sort in SORTS:
        await _get(watch, world, f"/v1/jobs?sort={sort}&limit=50")
        first = await world.client.get(f"/v1/jobs?sort={sort}&limit=50")
        await _get(watch, world, first.links["next"]["url"], step="GET /v1/jobs?sort=, a later page")
    first = await world.client.get("/v1/jobs?limit=50")
    await _get(watch, world, first.links["next"]["url"], step="GET /v1/jobs, a later page")
    first = await world.client.get("/v1/billing/ledger?limit=50")
    await _get(watch, world, first.links["next"]["url"], step="GET /v1/billing/ledger, a later page")


async def _submit(watch: Watch, world: World) -> None:
    body = {"skill": "echo", "inputs": {}}
    for step, headers in (
        ("submit", {}),
        ("submit once", {"Idempotency-Key": "one"}),
        ("submit again", {"Idempotency-Key": "one"}),
    ):
        with watch.step(step):
            response = await world.client.post("/v1/jobs", json=body, headers=headers)
        assert response.status_code == 201, response.text
    with watch.step("submit a listing"):
        run = await world.client.post("/v1/jobs", json={"listing_id": "listing-7-1", "inputs": {}})
    assert run.status_code == 201, run.text
    job_id = response.json()["id"]
    with watch.step("submit with a key that has a spending limit"):
        response = await world.client.post(
            "/v1/jobs", json=body, headers=await _headers_of_limited_key(world)
        )
    assert response.status_code == 201, response.text
    for step, path, json_body in (
        ("rate", f"/v1/jobs/{job_id}/feedback", {"rating": 1}),
        ("replay", f"/v1/jobs/{job_id}/replay", None),
        ("cancel", f"/v1/jobs/{job_id}/cancel", None),
        ("cancel a running job", f"/v1/jobs/{world.filled.running_job_id}/cancel", None),
        ("create a key", "/v1/api-keys", {"name": "x"}),
        ("activate", f"/v1/deployments/{world.filled.deployment_id}/activate", None),
    ):
        with watch.step(step):
            response = await world.client.post(path, json=json_body)
        assert response.status_code in (200, 201), response.text


async def _remember(watch: Watch, world: World) -> None:
    note = {"kind": "note", "record": {"text": "x"}, "entity_key": "k"}
    for step, path, body in (
        ("remember", "", note),
        ("remember again", "", {**note, "supersedes": str(world.filled.memory_id)}),
        ("search by a rare word", "/search", {"query": "word17"}),
        ("search by a common word", "/search", {"query": "often"}),
        ("search by key", "/search", {"key": "k-15000"}),
        ("search for the newest", "/search", {}),
    ):
        with watch.step(step):
            response = await world.client.post(f"/v1/memory{path}", json=body)
        assert response.status_code in (200, 201), response.text
    for one in (
        "kind=kind-1",
        "pinned=true",
        "state=forgotten",
        "key=k-15000",
        f"job_id={world.filled.job_id}",
    ):
        await _get(watch, world, f"/v1/memory?{one}", step="GET /v1/memory, filtered")
    await _get(watch, world, "/v1/memory?sort=title", step="GET /v1/memory?sort=")
    with watch.step("the memory digest of a run"):
        async with world.instance.database.transaction() as session:
            await digest(session, operator(world.filled.project_id), ["k-15000", "none"])
    with watch.step("records without an embedding"):
        async with world.instance.database.transaction() as session:
            await session.execute(WAITING, {"most": 32, "after": BEFORE_ALL_PROJECTS})
    for step, query in (("forget", "?reason=x"), ("erase", "?erase=true")):
        with watch.step(step):
            response = await world.client.delete(f"/v1/memory/{world.filled.memory_id}{query}")
        assert response.status_code == 204, response.text


async def _headers_of_limited_key(world: World) -> dict[str, str]:
    project_id, limits = world.filled.project_id, keys.Limits(daily_cap_micros=10**12)
    async with world.instance.database.transaction() as session:
        made = await keys.create(session, operator(project_id), project_id=project_id, limits=limits)
    return {"Authorization": f"Bearer {made.plaintext}"}


async def _work(watch: Watch, world: World) -> None:
    instance, filled, worker_id = world.instance, world.filled, world.filled.worker_id
    database = instance.database
    with watch.step("claim"):
        async with database.transaction() as session:
            claimed = await claim(session, worker_id=worker_id, lane="default", limit=8)
        assert len(claimed) == 8
    free, priced = (
        [job for job in claimed if bool(job.cap_micros) is is_priced] for is_priced in (False, True)
    )
    first, second, third = free[0], priced[0], free[1]
    with watch.step("the secrets of a job"):
        async with database.read_session() as session:
            await secrets.for_job(
                session,
                instance.vault,
                project_id=filled.project_id,
                skillpack_id=filled.skillpack_id,
                environment="staging",
            )
    with watch.step("append events"):
        async with database.transaction() as session:
            event = NewEvent(LogEvent(stream="system", text="x"))
            assert await append(session, job_id=first.job_id, attempt=first.attempt, events=[event])
    await _journal(watch, world, first)
    await _subjobs_and_approvals(watch, world, first)
    with watch.step("record usage"):
        async with database.single() as session:
            assert await ledger.record_usage(
                session, second, [LineItem("model", {"output_tokens": 1}, 800, 1)]
            )
    with watch.step("finish"):
        async with database.single() as session:
            assert await finish(session, first, AttemptResult("succeeded", result={}))
    sold = replace(priced[1], publisher_id=uuid4(), price_micros=2, earning_micros=2)
    async with database.transaction() as session:
        values = {"id": sold.job_id, "publisher": sold.publisher_id}
        sale = "publisher_id = :publisher, price_micros = 2, earning_micros = 2"
        await session.execute(text(f"update jobs set {sale} where id = :id"), values)
    with watch.step("finish, with a price"):
        async with database.transaction() as session:
            assert await finish(session, sold, AttemptResult("succeeded", result={}))
    with watch.step("finish, with money"):
        async with database.transaction() as session:
            used = LineItem("compute", {"seconds": 1}, 10_000, 10)
            assert second.reserved_micros
            assert await finish(session, second, AttemptResult("succeeded", result={}, used=(used,)))
    with watch.step("requeue"):
        async with database.transaction() as session:
            assert await requeue(session, job_id=third.job_id, attempt=third.attempt, reason="drain")
    with watch.step("a quarantined job"):
        async with database.transaction() as session:
            await reserve_quarantined(session, worker_id=worker_id, lanes=["default"])
            await claim_quarantined(session, worker_id=worker_id, lane="default")


async def _journal(watch: Watch, world: World, claimed: JobAttempt) -> None:
    used = [LineItem("model", {"input_tokens": 1}, 1_000, 1, step=1)]
    writing = JournalWrite([Entry(1, 0, "reply", {})], [NewEvent(LogEvent(stream="system", text="x"))], used)
    for step in ("write to a journal", "write an existing entry to a journal"):
        with watch.step(step):
            async with world.instance.database.single() as session:
                spent = await journal.write(
                    session,
                    job_id=claimed.job_id,
                    attempt=claimed.attempt,
                    reserved_micros=claimed.reserved_micros,
                    writing=writing,
                )
        assert spent == 1
    with watch.step("read a journal"):
        async with world.instance.database.reading() as session:
            assert len((await journal.read(session, world.filled.job_id, reserved_micros=0)).entries) == 0
    with watch.step("clear a journal"):
        async with world.instance.database.transaction() as session:
            await journal.clear(session, claimed.job_id)


async def _run_periodic_work(watch: Watch, world: World) -> None:
    database, filled = world.instance.database, world.filled
    signed_in = SignedIn(filled.user_id, uuid4(), "u500@example.org", "", False, "x")
    steps: dict[str, Callable[[Any], Awaitable[object]]] = {
        "admit": lambda session: admission.admit(session, filled.project_id),
        "park ready jobs": lambda session: admission.park_ready(session, filled.project_id),
        "the sweeper": sweep,
        "recover jobs that no worker received": lambda session: recover_unreceived(
            session, filled.worker_id, []
        ),
        "jobs to cancel": lambda session: worker_registry.cancelled_jobs(session, filled.worker_id),
        "top up": lambda session: ledger.top_up(
            session, project_id=filled.project_id, amount_micros=1, created_by="x"
        ),
        "the first steps in a project": lambda session: first_steps.read(
            session, operator(filled.project_id)
        ),
        "act in a project": lambda session: membership.act_in(session, signed_in, "p-1"),
        "memberships": lambda session: membership.memberships(session, signed_in),
        "the turns before one": lambda session: earlier_turns(
            session, filled.project_id, (str(filled.session_id), 5)
        ),
        "the cost of a session": lambda session: session_cost.read(
            session, filled.project_id, filled.session_id, Quotas()
        ),
        "housekeeping": lambda session: housekeeping.delete_expired(session, world.instance.storage),
    }
    for name, run_step in steps.items():
        with watch.step(name):
            async with database.transaction() as session:
                await run_step(session)
    with watch.step("waits that have ended"):
        await waits.resume_due(database)
        assert await waits.next_due_s(database)
    with watch.step("alerts that are due"):
        assert await evaluate_due(database) == 4
    await _send_webhooks(watch, world)
    await _schedules(watch, world)


async def _send_webhooks(watch: Watch, world: World) -> None:
    """Send webhooks to a transport that always fails; only the statements matter."""
    sender = Sender(lambda: httpx.MockTransport(lambda _: httpx.Response(500)))
    dispatcher = Dispatcher(
        world.instance.database, Channels(world.instance.database, world.instance.vault, sender)
    )
    with watch.step("send webhooks"):
        assert await dispatcher.send_due() > 20
        await dispatcher.settled()
    await dispatcher.close()
    one = f"/v1/webhooks/{world.filled.webhook_id}"
    for step, path in (
        ("test a webhook", f"{one}/test"),
        ("send again", f"{one}/deliveries/{world.filled.delivery_id}/redeliver"),
    ):
        with watch.step(step):
            response = await world.client.post(path)
        assert response.status_code in (200, 201), response.text
    with watch.step("old deliveries"):
        async with world.instance.database.transaction() as session:
            assert await rows.remove(session, rows.DELIVERIES, now() - timedelta(days=30))
    with watch.step("old failure clusters"):
        async with world.instance.database.transaction() as session:
            await rows.remove(session, rows.FAILURE_CLUSTERS, now() - timedelta(days=30))
    with watch.step("delete a webhook"):
        response = await world.client.delete(one)
    assert response.status_code == 204


async def _schedules(watch: Watch, world: World) -> None:
    database = world.instance.database
    with watch.step("schedules that are due"):
        assert await fire_due(database, JobDefaults(PriceList.of(world.instance.settings))) > 20
    with watch.step("run a schedule"):
        response = await world.client.post(f"/v1/schedules/{world.filled.schedule_id}/run")
    assert response.status_code == 201, response.text
    with watch.step("old runs of schedules"):
        async with database.transaction() as session:
            assert await rows.remove(session, rows.SCHEDULE_RUNS, now() - timedelta(days=30))
    with watch.step("delete a schedule"):
        response = await world.client.delete(f"/v1/schedules/{world.filled.schedule_id}")
    assert response.status_code == 204


async def _subjobs_and_approvals(watch: Watch, world: World, parent: JobAttempt) -> None:
    """Run the statements of a worker for the subjobs of its jobs, and for approvals."""
    database = world.instance.database
    with watch.step("parents of queued subjobs"):
        async with database.reading() as reader:
            await parents_of_queued(reader, [parent.job_id])
    with watch.step("claim a subjob"):
        async with database.transaction() as session:
            await claim_subjob(session, worker_id=world.filled.worker_id, parent_id=parent.job_id)
    with watch.step("cancel orphaned subjobs"):
        await cancel_orphans(database)
    with watch.step("decisions on approvals"):
        async with database.transaction() as session:
            await decisions(session, project_id=parent.project_id, job_id=parent.job_id)
    with watch.step("expire approvals"):
        await expire_due(database)


async def _evals(watch: Watch, world: World) -> None:
    filled, database = world.filled, world.instance.database
    pack = f"/v1/skillpacks/{filled.skillpack_id}/evals"
    for address in (
        f"{pack}?skill=skill-3",
        f"{pack}/diff?skill=skill-3",
        f"{pack}/diff?skill=skill-3&base=1&head=5",
        f"/v1/evals/{filled.suite_id}/cases?base={filled.suite_id}",
        f"/v1/eval-cases?skillpack={filled.skillpack_id}&skill=skill-3",
    ):
        await _get(watch, world, address)
    first = await world.client.get(f"{pack}?limit=5")
    await _get(watch, world, first.links["next"]["url"], step="GET suites, a later page")
    with watch.step("make a suite the baseline"):
        response = await world.client.post(f"/v1/evals/{filled.suite_id}/baseline")
    assert response.status_code == 200, response.text
    target = Target(filled.project_id, filled.skillpack_id, filled.deployment_id, 1, "", _skill())
    suite_cases = [SuiteCase(f"case-{number}", {}, source_job_id=filled.job_id) for number in range(1, 30)]
    since = now() - timedelta(days=30)
    with watch.step("the recent jobs of a skill"):
        async with database.transaction() as session:
            principal = operator(filled.project_id)
            pack_id = filled.skillpack_id
            seen = await read(session, principal, skillpack_id=pack_id, skill="skill-3", since=since)
    assert len(seen.runs) == MAX_JOBS
    with watch.step("the steps of agents"):
        async with database.transaction() as session:
            await steps(session, [run.id for run in seen.runs], since)
    with watch.step("the recordings of cases"):
        async with database.transaction() as session:
            with pytest.raises(NothingRecorded):
                await recordings_of(session, target, suite_cases)
    with watch.step("the cases of a skill"):
        async with database.transaction() as session:
            await cases_of(session, world.instance.storage, target)
    with watch.step("the case of a job"):
        async with database.read_session() as session:
            await case_of(session, project_id=filled.project_id, job_id=filled.job_id)
    with watch.step("advance suites"):
        assert (
            await advance_all(
                database, SuiteResources(world.instance.storage, PriceList.of(world.instance.settings))
            )
            >= 4
        )


def _skill() -> Skill:
    return Skill(
        name="skill-3",
        path="",
        entrypoint="main.py:run",
        is_agentic=False,
        input_schema={},
        output_schema={},
    )


async def _get(watch: Watch, world: World, address: str, *, step: str = "") -> None:
    with watch.step(step or f"GET {address}"):
        response = await world.client.get(address)
    assert response.status_code not in (500, 503), f"GET {address}: {response.text}"


def _readable(app: FastAPI) -> list[str]:
    return [path for path, operations in app.openapi()["paths"].items() if "get" in operations]
