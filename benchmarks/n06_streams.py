"""N6: the time from the commit of an event to the client of its stream, with 200 streams and 200 events/s in total."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import scalar_row

from backend.config import Settings
from backend.core import notifications
from backend.core.db.engine import Database
from backend.core.notifications import RedisNotifier
from backend.embedded import attach
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import JobEvent, LogEvent, SucceededEvent
from benchmarks.instance import instance
from benchmarks.listeners import AT
from benchmarks.measurement import Measurement, Row
from benchmarks.numbers import percentile
from benchmarks.registered_worker import registered_worker

STREAMS: Final = 200
EVENTS_PER_SECOND: Final = 200
SECONDS: Final = 15

_INSERT_RUNNING_JOBS: Final = """
insert into jobs (id, project_id, skillpack_id, deployment_id, skill_name, type, status, inputs, lane, priority, source,
                  attempt, submitted_by, worker_id, created_at, started_at)
select gen_random_uuid(), id, id, id, 'noop', 'deterministic', 'running', '{}', 'default', 0, 'api', 1, 'x', %s,
       now(), now()
from (select id from projects order by number desc limit 1) p, generate_series(1, %s)
returning id
"""


def measure(_rounds: int) -> Measurement:
    """Append events as a worker does; clients in a separate process measure the delay of each event."""
    with ExitStack() as stack:
        running = stack.enter_context(instance())
        servers = attach(Settings(home=running.home))
        worker_id = stack.enter_context(registered_worker(servers.database_url))
        jobs = _running_jobs(servers.database_url, worker_id)
        command = [sys.executable, "-m", "benchmarks.listeners", str(running.port), running.api_key]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listeners:
            if listeners.stdin is None or listeners.stdout is None:
                raise RuntimeError("the listeners have no pipes")
            listeners.stdin.write(json.dumps([str(job_id) for job_id in jobs]) + "\n")
            listeners.stdin.flush()
            listeners.stdout.readline()  # every stream has started
            sent = asyncio.run(_append(servers.database_url, servers.redis_url, jobs))
            late_s = json.loads(listeners.communicate(timeout=30)[0])
    if len(late_s) != sent:
        raise RuntimeError(f"{sent:,} events were committed and {len(late_s):,} received")
    p95_ms = percentile(late_s, 0.95) * 1000
    return Measurement(
        "N6",
        (
            Row(
                "all",
                f"event committed → SSE client, {STREAMS} streams, {EVENTS_PER_SECOND} events/s in total",
                "p95 ≤ 30 ms",
                f"p50 {percentile(late_s, 0.5) * 1000:.1f} ms, p95 {p95_ms:.1f} ms, commit included",
                p95_ms <= 30,
            ),
        ),
        {"p50_ms": percentile(late_s, 0.5) * 1000, "p95_ms": p95_ms, "events": len(late_s)},
    )


def _running_jobs(database_url: str, worker_id: UUID) -> list[UUID]:
    """Insert running jobs of a worker, and return their IDs."""
    with psycopg.connect(database_url, autocommit=True, row_factory=scalar_row) as connection:
        return list(connection.execute(_INSERT_RUNNING_JOBS, (worker_id, STREAMS)).fetchall())


async def _append(database_url: str, redis_url: str, jobs: list[UUID]) -> int:
    """Append events at a constant rate to the jobs in turn, end all jobs, and return the number of events."""
    database, notifier = Database(database_url), RedisNotifier(redis_url)
    notifications.use(notifier)
    began, tasks = time.monotonic(), []
    for n in range(EVENTS_PER_SECOND * SECONDS):
        await asyncio.sleep(max(0.0, began + n / EVENTS_PER_SECOND - time.monotonic()))
        tasks.append(asyncio.create_task(_one(database, jobs[n % len(jobs)], _log_event())))
    await asyncio.gather(*tasks)
    for job_id in jobs:  # ends the stream
        await _one(database, job_id, SucceededEvent())
    notifications.use(None)
    await notifier.aclose()
    await database.close()
    return len(tasks)


async def _one(database: Database, job_id: UUID, event: JobEvent) -> None:
    async with database.transaction() as session:
        if not await append(session, job_id=job_id, attempt=1, events=[NewEvent(event)]):
            raise RuntimeError(f"job {job_id} does not run")


def _log_event() -> LogEvent:
    """Return a log event with the time before its commit, which is part of the measured time."""
    return LogEvent(stream="stdout", text=f"{AT}{time.monotonic()}")
