"""N12: the time from the commit of an event to its row on the page of its job, at 400 events/s."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import ExitStack
from typing import Any, Final
from uuid import UUID

import psycopg
from playwright.sync_api import Page
from psycopg.rows import scalar_row

from backend.config import Settings
from backend.core import notifications
from backend.core.db.engine import Database
from backend.core.notifications import RedisNotifier
from backend.embedded import Servers, attach
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import LogEvent
from benchmarks.browsing import WATCH, chromium, sign_in
from benchmarks.instance import NOOP_SKILL, instance
from benchmarks.measurement import Measurement, Row
from benchmarks.numbers import percentile
from benchmarks.registered_worker import registered_worker

EVENTS_PER_SECOND: Final = 400
SECONDS: Final = 15
MIN_DRAWN: Final = 0.95
"""The share of the lines that must be drawn: the virtual list skips those that one frame scrolls out of view."""
IN_A_TRANSACTION: Final = 4
"""The number of lines that a worker stores in one transaction."""

_INSERT_RUNNING_JOB: Final = """
insert into jobs (id, project_id, skillpack_id, deployment_id, skill_name, type, status, inputs, lane, priority, source,
                  attempt, submitted_by, worker_id, created_at, started_at)
select gen_random_uuid(), project_id, skillpack_id, id, 'noop', 'deterministic', 'running', '{}', 'default', 0, 'api',
       1, 'x', %s, now(), now() from deployments
returning id
"""


def measure(_rounds: int) -> Measurement:
    """Append lines of a log while the page of the job shows them; the page measures the delay of each line."""
    with ExitStack() as stack:
        running, browser = stack.enter_context(instance()), stack.enter_context(chromium())
        session = sign_in(running)
        with running.client(session.api_key) as client:
            client.push(NOOP_SKILL)
        servers = attach(Settings(home=running.home))
        worker_id = stack.enter_context(registered_worker(servers.database_url))
        job_id = _running_job(servers.database_url, worker_id)
        page = session.context(browser).new_page()
        page.add_init_script(WATCH)
        page.goto(f"{session.project_url}/jobs/{job_id}?tab=logs")
        page.get_by_role("log").wait_for()
        _while_appending(page, servers, job_id)
        late_ms: list[float] = page.evaluate("window.late")
    sent = EVENTS_PER_SECOND * SECONDS
    if len(late_ms) < MIN_DRAWN * sent:
        raise RuntimeError(f"{sent:,} lines were committed and {len(late_ms):,} were shown")
    p95_ms = percentile(late_ms, 0.95)
    return Measurement(
        "N12",
        (
            Row(
                "all",
                f"event committed → row on the page of its job, {EVENTS_PER_SECOND} events/s on one page",
                "p95 ≤ 100 ms",
                f"p50 {percentile(late_ms, 0.5):.0f} ms, p95 {p95_ms:.0f} ms, commit included",
                p95_ms <= 100,
            ),
        ),
        {"p50_ms": percentile(late_ms, 0.5), "p95_ms": p95_ms, "lines": len(late_ms)},
        "The page follows the end of the log in a virtual list. Lines that more than a screen of newer ones pushes "
        f"out before they are drawn have no delay: {len(late_ms):,} of {sent:,} lines were drawn",
    )


def _running_job(database_url: str, worker_id: UUID) -> UUID:
    with psycopg.connect(database_url, autocommit=True, row_factory=scalar_row) as connection:
        found: Any = connection.execute(_INSERT_RUNNING_JOB, (worker_id,)).fetchone()
        return UUID(str(found))


def _while_appending(page: Page, servers: Servers, job_id: UUID) -> None:
    """Process events of the page until all lines are appended and shown."""
    work = threading.Thread(
        target=lambda: asyncio.run(_append(servers.database_url, servers.redis_url, job_id))
    )
    work.start()
    while work.is_alive():
        page.wait_for_timeout(100)
    page.wait_for_timeout(2_000)


async def _append(database_url: str, redis_url: str, job_id: UUID) -> None:
    database, notifier = Database(database_url), RedisNotifier(redis_url)
    notifications.use(notifier)
    began = time.monotonic()
    for n in range(0, EVENTS_PER_SECOND * SECONDS, IN_A_TRANSACTION):
        await asyncio.sleep(max(0.0, began + n / EVENTS_PER_SECOND - time.monotonic()))
        stamp = int(time.time() * 1000)
        lines = [
            NewEvent(LogEvent(stream="stdout", text=f"line {n + i} stamp={stamp}\n"))
            for i in range(IN_A_TRANSACTION)
        ]
        async with database.transaction() as session:
            await append(session, job_id=job_id, attempt=1, events=lines)
    notifications.use(None)
    await notifier.aclose()
    await database.close()
