"""`GET /metrics`: its access control, and correct values for all processes."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, Gauge
from sqlalchemy import text

from backend.config import Settings
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.core.process_metrics import store
from backend.core.process_metrics.reporter import Reporter
from backend.core.process_metrics.snapshot import Snapshot, key_of
from backend.execution.jobs import cancel
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.queue_reason import REASONS
from backend.execution.worker_registry import service as worker_registry
from backend.identity.api_keys import keys
from backend.money.pricing import PriceList
from tests.factories.tenants import make_job, make_skill, make_tenant
from tests.integration.observability.conftest import TOKEN
from tests.integration.observability.scraping import HEADERS, scrape


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer wrong-token-of-some-length",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer",
        f"Bearer {TOKEN}x",
        "Bearer é",
    ],
)
async def test_metrics_need_the_token(http: httpx.AsyncClient, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode()}
    response = await http.get("/metrics", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, "metrics_token_refused")
    assert "PURAS_METRICS_TOKEN" in response.json()["detail"]
    assert "puras_" not in response.text


async def test_metrics_are_not_served_without_a_configured_token(
    app: FastAPI, http: httpx.AsyncClient
) -> None:
    settings = app.state.context.settings.model_copy(update={"metrics_token": None})
    object.__setattr__(app.state.context, "settings", settings)
    response = await http.get("/metrics", headers=HEADERS)
    assert (response.status_code, response.json()["code"]) == (404, "metrics_off")


def test_weak_token_is_rejected_at_the_start() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        Settings.model_validate({"metrics_token": "short"})


async def test_requests_are_counted_by_route_without_unknown_paths(
    http: httpx.AsyncClient,
) -> None:
    before = await scrape(http)
    await http.get(f"/v1/jobs/{uuid4()}")
    await http.get("/health")
    await http.request("BREW", "/secret-words-in-a-path")
    after = await scrape(http)

    def counted(method: str, route: str, status: str) -> float:
        labels = {"method": method, "route": route, "status": status}
        return after.value("puras_http_requests_total", **labels) - before.value(
            "puras_http_requests_total", **labels
        )

    assert counted("GET", "/health", "200") == 1
    assert counted("other", "unmatched", "404") == 1
    assert counted("GET", "unmatched", "401") == 1, (
        "authentication rejects the request before the route is resolved"
    )
    assert not [labels for _, labels in after.samples if "secret-words" in str(labels)]


async def test_route_of_a_nested_router_has_its_full_path(
    http: httpx.AsyncClient, app: FastAPI, database: Database
) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
    async with database.transaction() as session:
        made = await keys.create(session, None, project_id=tenant.project_id, kind="secret")
    response = await http.get(f"/v1/jobs/{job_id}", headers={"Authorization": f"Bearer {made.plaintext}"})
    assert response.status_code == 200
    seen = await scrape(http)
    labels = {"method": "GET", "route": "/v1/jobs/{job_id}"}
    assert seen.value("puras_http_requests_total", **labels, status="200") >= 1
    assert seen.value("puras_http_request_seconds_count", **labels) >= 1
    assert str(job_id) not in str(seen.samples)


async def test_jobs_are_counted_only_after_their_event_is_committed(
    http: httpx.AsyncClient, database: Database
) -> None:
    before = await scrape(http)
    async with database.transaction() as session:
        tenant = await make_tenant(session)
    with pytest.raises(RuntimeError, match="rolled back"):
        async with database.transaction() as session:
            await make_job(session, tenant)
            raise RuntimeError("rolled back")
    for _ in range(3):
        async with database.transaction() as session:
            cancelled = await make_job(session, tenant)
    async with database.transaction() as session:
        await cancel.cancel(session, tenant.principal, cancelled)
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
        jobs = await claim(session, worker_id=worker_id, lane="default", limit=8)
    endings = [
        AttemptResult("succeeded", result={}),
        AttemptResult("failed", error="no", error_code="timeout"),
    ]
    for job, ending in zip(jobs, endings, strict=True):
        for _ in range(2):  # the second is rejected, since the attempt is not running any more
            async with database.transaction() as session:
                await finish(session, job, ending)
    after = await scrape(http)

    def grown(name: str, **labels: str) -> float:
        return after.value(name, **labels) - before.value(name, **labels)

    assert grown("puras_jobs_submitted_total", lane="default") == 3
    assert grown("puras_jobs_finished_total", status="succeeded", code="") == 1
    assert grown("puras_jobs_finished_total", status="failed", code="timeout") == 1
    assert grown("puras_jobs_finished_total", status="cancelled", code="cancelled") == 1
    stored = 3 + 1 + 2 + 2  # queued, cancelled, started, finished
    assert grown("puras_events_appended_total") == stored
    async with database.transaction() as session:
        assert (await session.execute(text("select count(*) from job_events"))).scalar_one() == stored


async def test_queue_is_reported_by_lane_and_reason(http: httpx.AsyncClient, database: Database) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill(), concurrency_limit=1)
        await make_job(session, tenant)  # ready, but no worker serves its lane yet
        await make_job(session, tenant)  # outside of the window
        await make_job(session, tenant, run_at=now() + timedelta(hours=1))
        poor = await make_tenant(session)
        await make_job(session, poor, prices=PriceList(compute_micros_per_second=1))
    async with database.transaction() as session:
        await session.execute(
            text("update wallets set balance_micros = 0 where project_id = :id"), {"id": poor.project_id}
        )
        await session.execute(text("update job_queue set submitted_at = submitted_at - interval '1 hour'"))
    seen = await scrape(http)
    waiting = {reason: seen.value("puras_queue_jobs", lane="default", reason=reason) for reason in REASONS}
    assert waiting == {
        "no_worker": 1,
        "project_limit": 1,
        "not_before": 1,
        "wallet_empty": 1,
        "wallet_held": 0,
        "quarantined": 0,
        "workers_busy": 0,
    }
    assert 3600 <= seen.value("puras_queue_oldest_seconds", lane="default", reason="project_limit") < 3700
    assert seen.value("puras_queue_oldest_seconds", lane="default", reason="not_before") == 0
    async with database.transaction() as session:
        await worker_registry.join(session, uuid4(), lanes=["default"], capacity=8, layers=[])
    seen = await scrape(http)
    assert seen.value("puras_queue_jobs", lane="default", reason="workers_busy") == 1
    assert seen.value("puras_queue_jobs", lane="default", reason="no_worker") == 0
    assert seen.value("puras_workers", lane="default") == 1
    assert seen.value("puras_worker_slots", lane="default") == 8


async def test_metrics_of_processes_are_summed_with_ended_ones_once(
    http: httpx.AsyncClient, database: Database
) -> None:
    name = "puras_jobs_finished_total"
    key = key_of(name, {"status": "failed", "code": "of_this_test"})
    gauge = key_of("puras_sandbox_zygotes", {})

    async def seen() -> float:
        return (await scrape(http)).value(name, status="failed", code="of_this_test")

    living, dead = uuid4(), uuid4()
    async with database.reading() as session:
        await store.enter(session, living, "worker", Snapshot({key: 5}, {gauge: 2}))
        await store.enter(session, dead, "worker", Snapshot({key: 7}, {gauge: 30}))
        await store.enter(session, dead, "worker", Snapshot({key: 7}, {gauge: 30}))
        await session.execute(
            text("update process_metrics set beat_at = now() - interval '2 hours' where id = :id"),
            {"id": dead},
        )
    assert await seen() == 12
    assert (await scrape(http)).value("puras_sandbox_zygotes") == 2, "gauges of an ended process are deleted"
    for _ in range(3):
        async with database.transaction() as session:
            await store.fold(session)
        assert await seen() == 12
    async with database.reading() as session:
        assert await store.write(session, living, Snapshot({key: 6}, {gauge: 2}))
        assert not await store.write(session, dead, Snapshot({key: 8}, {gauge: 30})), (
            "the row of the ended process was folded"
        )
        rows = (await session.execute(text("select role from process_metrics order by role"))).all()
    assert await seen() == 13
    assert [row.role for row in rows].count("gone") == 1


async def test_live_process_that_was_folded_continues_to_count(database: Database) -> None:
    registry = CollectorRegistry()
    counter = Counter("puras_jobs_lost_total", "help", registry=registry)
    Gauge("puras_stream_followers", "help", registry=registry).set(1)
    reporter = Reporter(database, "worker", registry=registry)
    counter.inc(10)
    await reporter.report()
    first = reporter.process_id
    async with database.transaction() as session:
        await session.execute(text("update process_metrics set beat_at = now() - interval '2 hours'"))
        await store.fold(session)
    counter.inc(1)
    await reporter.report()  # the reporter finds that its row was folded
    await reporter.report()
    counter.inc(1)
    await reporter.report()
    assert reporter.process_id != first
    async with database.reading() as session:
        summed = await store.read(session, except_id=uuid4())
    assert summed.totals[key_of("puras_jobs_lost_total", {})] == 12


async def test_histogram_buckets_are_ordered_and_complete(
    http: httpx.AsyncClient, database: Database
) -> None:
    buckets = {"0.005": 1.0, "10.0": 3.0, "0.1": 2.0, "+Inf": 4.0}
    samples = {
        key_of("puras_job_run_seconds_bucket", {"type": "elsewhere", "le": le}): count
        for le, count in buckets.items()
    }
    samples[key_of("puras_job_run_seconds_count", {"type": "elsewhere"})] = 4
    samples[key_of("puras_job_run_seconds_sum", {"type": "elsewhere"})] = 21.5
    samples[key_of("puras_of_another_release_total", {})] = 1
    async with database.reading() as session:
        await store.enter(session, uuid4(), "worker", Snapshot(samples, {}))
    text_ = (await http.get("/metrics", headers=HEADERS)).text
    lines = [line for line in text_.splitlines() if 'type="elsewhere"' in line]
    assert [line.rpartition(" ")[2] for line in lines] == ["1.0", "2.0", "3.0", "4.0", "4.0", "21.5"]
    assert "puras_of_another_release" not in text_


async def test_open_metrics_format_is_returned_on_request(http: httpx.AsyncClient) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    response = await http.get("/metrics", headers=HEADERS | accept)
    assert response.headers["content-type"].startswith("application/openmetrics-text")
    assert response.text.endswith("# EOF\n")
    assert (await http.get("/metrics", headers=HEADERS)).headers["content-type"].startswith("text/plain")
