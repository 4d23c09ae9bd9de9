"""Read the state of the queue and of the workers from the database, as metrics and for operators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.metrics.instruments import Exported
from backend.execution.jobs.queue_reason import REASONS, QueueState, Reason, reason_code
from backend.execution.worker_registry.service import LEASE

_QUEUE: Final = text("""
with lane as (
  select lane, bool_or(true) as has_worker from workers w, unnest(w.lanes) as lane
  where w.beat_at > now() - cast(:lease as interval) group by lane
), ready as (
  select project_id, sum(cap_micros) as micros from job_queue where stamp is not null group by project_id
)
select q.lane, q.stamp is null as is_pending, q.suspect as is_quarantined,
       coalesce(q.not_before > now(), false) as is_later,
       q.cap_micros = 0 or w.balance_micros > w.reserved_micros as has_money,
       q.cap_micros = 0 or w.balance_micros - w.reserved_micros - coalesce(ready.micros, 0)
         >= least(q.cap_micros, w.balance_micros) as can_reserve,
       coalesce(bool_or(lane.has_worker), false) as has_worker,
       count(*) as jobs,
       extract(epoch from now() - min(greatest(q.submitted_at, q.not_before))) as oldest_s,
       min(q.not_before) filter (where q.not_before > now()) as next_due_at
from job_queue q join wallets w on w.project_id = q.project_id left join lane on lane.lane = q.lane
left join ready on ready.project_id = q.project_id
group by 1, 2, 3, 4, 5, 6
""")
_WORKERS: Final = text("""
select lane, count(*) as workers, sum(w.capacity) as capacity, sum(w.running) as running
from workers w, unnest(w.lanes) as lane
where w.beat_at > now() - cast(:lease as interval) and not w.stopping and w.shortage is null group by lane
""")

JOBS: Final = Exported(
    "puras_queue_jobs",
    "gauge",
    ("lane", "reason"),
    "Queued jobs, by lane and by the reason why they wait.",
)
OLDEST: Final = Exported(
    "puras_queue_oldest_seconds",
    "gauge",
    ("lane", "reason"),
    "Waiting time of the oldest of them, since its submission or its `run_at`.",
)
WORKERS: Final = Exported(
    "puras_workers", "gauge", ("lane",), "Live worker processes that claim jobs, by lane."
)
SLOTS: Final = Exported(
    "puras_worker_slots",
    "gauge",
    ("lane",),
    "Maximum concurrent jobs of these processes; a process of two lanes counts in both.",
)
RUNNING: Final = Exported(
    "puras_worker_running_jobs",
    "gauge",
    ("lane",),
    "Running jobs of these processes, as of their last heartbeat.",
)
READ: Final = (JOBS, OLDEST, WORKERS, SLOTS, RUNNING)
"""All families of this module."""


@dataclass(frozen=True, slots=True)
class WaitingJobs:
    """Jobs of one lane that wait for the same reason."""

    lane: str
    reason: Reason
    jobs: int
    oldest_s: float
    next_due_at: datetime | None = None
    """Earliest `run_at`; only for jobs that wait for it."""


async def read(session: AnySession) -> list[Metric]:
    """Return the state of the queue and of the workers as gauges."""
    waiting = (await session.execute(_QUEUE, {"lease": LEASE})).all()
    workers = (await session.execute(_WORKERS, {"lease": LEASE})).all()
    lanes = {row.lane for row in (*waiting, *workers)}
    return [*_queue_gauges(_summed(lanes, map(_waiting_jobs, waiting))), *_worker_gauges(workers)]


async def list_waiting_jobs(session: AnySession) -> list[WaitingJobs]:
    """Return the number of waiting jobs of each lane by reason, without empty entries."""
    rows = (await session.execute(_QUEUE, {"lease": LEASE})).all()
    found = _summed({row.lane for row in rows}, map(_waiting_jobs, rows))
    return [one for one in found if one.jobs]


def _waiting_jobs(row: Any) -> WaitingJobs:
    position = QueueState(
        stamp=None if row.is_pending else 0,
        is_quarantined=row.is_quarantined,
        not_before=None,
        lane=row.lane,
        admitted=0,
        concurrency_limit=0,
        has_money=row.has_money,
        can_reserve=row.can_reserve,
        has_worker=row.has_worker,
    )
    reason: Reason = "not_before" if row.is_later else reason_code(position)
    return WaitingJobs(row.lane, reason, row.jobs, max(0.0, float(row.oldest_s)), row.next_due_at)


def _summed(lanes: Iterable[str], waiting_jobs: Iterable[WaitingJobs]) -> list[WaitingJobs]:
    """Sum the jobs of each lane and reason, including those without jobs."""
    found = {(lane, reason): WaitingJobs(lane, reason, 0, 0.0) for lane in lanes for reason in REASONS}
    for one in waiting_jobs:
        total = found[one.lane, one.reason]
        found[one.lane, one.reason] = WaitingJobs(
            one.lane,
            one.reason,
            total.jobs + one.jobs,
            max(total.oldest_s, one.oldest_s),
            min(filter(None, (total.next_due_at, one.next_due_at)), default=None),
        )
    return [found[key] for key in sorted(found)]


def _queue_gauges(waiting_jobs: list[WaitingJobs]) -> list[Metric]:
    jobs, oldest = _gauge(JOBS), _gauge(OLDEST)
    for one in waiting_jobs:
        jobs.add_metric((one.lane, one.reason), one.jobs)
        oldest.add_metric((one.lane, one.reason), one.oldest_s)
    return [jobs, oldest]


def _worker_gauges(rows: Any) -> list[Metric]:
    workers, slots, running = map(_gauge, (WORKERS, SLOTS, RUNNING))
    for row in rows:
        workers.add_metric((row.lane,), row.workers)
        slots.add_metric((row.lane,), float(row.capacity))
        running.add_metric((row.lane,), float(row.running))
    return [workers, slots, running]


def _gauge(shown: Exported) -> GaugeMetricFamily:
    return GaugeMetricFamily(shown.name, shown.meaning, labels=shown.labels)
