"""Write `jobs.status`: every statement that creates a job or changes its status is here, in the folder `sql`.

`TRANSITIONS` in `status` lists the changes that each query makes; a test compares both. The functions only run one
statement: the modules that call them lock rows before it, and send notifications after it. All statements take rows in
the order that the docstring of this package gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession, execute_shared
from backend.core.db.named_queries import load_queries
from backend.core.db.shared_commits import RowToLock
from backend.execution.events.append import (
    EVENT_COLUMNS,
    EVENT_ROWS,
    EVENT_VALUES,
    NewEvent,
    PendingEvent,
    as_rows,
)
from backend.execution.jobs import ended_row
from backend.execution.jobs.reservations import IS_LIMITED
from backend.execution.worker_registry.service import LEASE, MAX_HEARTBEAT_AGE
from backend.identity.webhook_outbox.outbox import insert_job_deliveries_sql
from backend.money.admission import TICK, can_reserve

QUARANTINE_THRESHOLD: Final = 3
"""A job that was in this many lost processes runs alone from then on."""

QUERIES: Final = load_queries(
    "backend.execution.jobs",
    "sql",
    {
        "tick": str(TICK),
        "event_rows": EVENT_ROWS,
        "event_columns": EVENT_COLUMNS,
        "event_values": EVENT_VALUES,
        "can_hold_cap": can_reserve("cast(:cap_micros as bigint)", "w"),
        "is_limited": IS_LIMITED,
        "ended_row": ended_row.SQL,
        "quarantine_threshold": str(QUARANTINE_THRESHOLD),
        "max_worker_age": f"interval '{LEASE.total_seconds()} seconds'",
        "max_heartbeat_age": f"interval '{MAX_HEARTBEAT_AGE.total_seconds()} seconds'",
        "deliveries_of_ended": insert_job_deliveries_sql("ended"),
        "deliveries_of_ended_roots": insert_job_deliveries_sql(
            "(select * from ended where parent_job_id is null)"
        ),
        "deliveries_of_waiting": insert_job_deliveries_sql("waiting"),
    },
)
"""The statements by name. Each is one object, by which prepared statements are found."""

_LOCK_JOBS: Final = text(
    "select from jobs where project_id = any(:rows) and id = any(:ids) order by created_at, id for update"
)


async def start_free(session: AnySession, job: Mapping[str, Any]) -> Any:
    """Start a job that costs nothing and has no `not_before` in `worker_id`; None if `submit_free` has to decide."""
    return (await execute_shared(session, job["project_id"], QUERIES["start_free"], job)).one_or_none()


async def submit_free(session: AnySession, job: Mapping[str, Any]) -> Any:
    """Put a job into the queue that costs nothing and has no `not_before`.

    Returns:
        A row whose `is_full` says that `submit` has to decide.
    """
    return (await execute_shared(session, job["project_id"], QUERIES["submit_free"], job)).one()


async def submit(session: AnySession, job: Mapping[str, Any]) -> Any:
    """Put a job into the queue; the row that is returned says whether it was accepted, and why not."""
    return (await session.execute(QUERIES["submit"], job)).one()


async def submit_subjob(session: AnySession, call: Mapping[str, Any]) -> Any:
    """Submit the job that a running job calls.

    Returns:
        A row whose `event_seq` is None if the job existed before; None if the calling attempt is not the running one.
    """
    return (await session.execute(QUERIES["submit_subjob"], call)).one_or_none()


async def submit_step(session: AnySession, step: Mapping[str, Any]) -> Any:
    """Put the job of a step of a running flow into the queue.

    Returns:
        A row whose `event_seq` is None if the job existed before, or if nothing is left for it (`is_unpaid`), maybe
        since other jobs of the flow hold it (`is_shared`); None if the attempt of the flow is not the running one.
    """
    return (await session.execute(QUERIES["submit_step"], step)).one_or_none()


async def suspend_flow(
    session: AnySession, *, job_id: UUID, attempt: int, events: Sequence[PendingEvent]
) -> Any:
    """Let a running flow wait for its steps.

    Returns:
        A row whose `cancel_requested_at` is set if the job was to be cancelled; None if the attempt is not the running
        one.
    """
    values = {"job_id": job_id, "attempt": attempt, **_event_values(events)}
    return (await session.execute(QUERIES["suspend_flow"], values)).one_or_none()


async def resume_flow(session: AnySession, *, project_id: UUID, job_id: UUID) -> Any:
    """Put a waiting flow back into the queue if it can continue; None if it cannot, or does not wait."""
    values = {"project_id": project_id, "job_id": job_id}
    return (await session.execute(QUERIES["resume_flow"], values)).one_or_none()


async def claim_free(session: AnySession, *, worker_id: UUID, lane: str, limit: int) -> Sequence[Any]:
    """Start ready jobs up to the first one that may cost something; `is_paid_next` says whether there is one.

    Returns:
        A row for each attempt, with the columns of the job; one row with the `id` None if there is none.
    """
    return await _claim(session, "claim_free", worker_id, lane, limit)


async def claim(session: AnySession, *, worker_id: UUID, lane: str, limit: int) -> Sequence[Any]:
    """Start ready jobs, and return rows as `claim_free` does."""
    return await _claim(session, "claim", worker_id, lane, limit)


async def claim_quarantined(session: AnySession, *, worker_id: UUID, lane: str) -> Sequence[Any]:
    """Start the job that the worker has promised to run alone, and return rows as `claim_free` does."""
    return await _claim(session, "claim_quarantined", worker_id, lane, 1)


async def _claim(session: AnySession, query: str, worker_id: UUID, lane: str, limit: int) -> Sequence[Any]:
    values = {"worker_id": worker_id, "lane": lane, "limit": limit}
    return (await session.execute(QUERIES[query], values)).all()


async def claim_subjob(session: AnySession, *, worker_id: UUID, parent_id: UUID) -> Any:
    """Start the next job that a job of this worker has called; None if there is none."""
    values = {"worker_id": worker_id, "parent_id": parent_id}
    return (await session.execute(QUERIES["claim_subjob"], values)).one_or_none()


async def finish_without_webhooks(session: AnySession, project_id: UUID, result: Mapping[str, Any]) -> Any:
    """End an attempt in a project without webhooks.

    Returns:
        A row with the number of the last event, the lane of the job that was admitted instead, and the row of the job
        as JSON; None if the project has webhooks or the attempt is not the running one.
    """
    statement, job = QUERIES["finish_without_webhooks"], RowToLock(result["job_id"], _LOCK_JOBS)
    return (await execute_shared(session, project_id, statement, result, job)).one_or_none()


async def finish(session: AnySession, result: Mapping[str, Any]) -> Any:
    """End an attempt and notify webhooks; None if the attempt is not the running one."""
    return (await session.execute(QUERIES["finish"], result)).one_or_none()


async def finish_subjob(session: AnySession, result: Mapping[str, Any]) -> Any:
    """End an attempt of a job that another job has called; None if the attempt is not the running one."""
    return (await session.execute(QUERIES["finish_subjob"], result)).one_or_none()


async def finish_step(session: AnySession, result: Mapping[str, Any]) -> Any:
    """End an attempt of the job of a step of a flow; None if the attempt is not the running one."""
    return (await session.execute(QUERIES["finish_step"], result)).one_or_none()


async def requeue(
    session: AnySession,
    *,
    job_id: UUID,
    attempt: int,
    events: Sequence[PendingEvent],
    not_before: datetime | None,
    is_lost: bool,
    was_alone: bool,
    is_retry: bool,
) -> Any:
    """Put a running job back into the queue; None if the attempt is not the running one."""
    values = {
        "job_id": job_id,
        "attempt": attempt,
        "lost": int(is_lost),
        "lost_alone": int(is_lost and was_alone),
        "retried": int(is_retry),
        "not_before": not_before,
        **_event_values(events),
    }
    return (await session.execute(QUERIES["requeue"], values)).one_or_none()


async def await_approval(
    session: AnySession,
    *,
    job_id: UUID,
    attempt: int,
    requests: str,
    expires_at: datetime,
    events: Sequence[PendingEvent],
) -> Any:
    """Let a running job wait for the approvals in `wanted`, a JSON array of the rows to insert.

    Returns:
        A row whose `cancel_requested_at` is set if the job was to be cancelled; None if the attempt is not the running
        one.
    """
    values = {
        "job_id": job_id,
        "attempt": attempt,
        "wanted": requests,
        "expires_at": expires_at,
        **_event_values(events),
    }
    return (await session.execute(QUERIES["await_approval"], values)).one_or_none()


async def resume_decided(
    session: AnySession, *, project_id: UUID, job_id: UUID, events: Sequence[PendingEvent]
) -> Any:
    """Append events of a decision, and put the job back into the queue if no approval is pending.

    Returns:
        A row whose `is_queued` says whether the job is queued; None if the job does not wait.
    """
    values = {"project_id": project_id, "job_id": job_id, **_event_values(events)}
    return (await session.execute(QUERIES["resume_decided"], values)).one_or_none()


async def suspend(session: AnySession, *, job_id: UUID, attempt: int, events: Sequence[PendingEvent]) -> Any:
    """Let a running job wait outside of workers for its rows in `job_waits`.

    Returns:
        A row whose `cancel_requested_at` is set if the job was to be cancelled; None if the attempt is not the running
        one.
    """
    values = {"job_id": job_id, "attempt": attempt, **_event_values(events)}
    return (await session.execute(QUERIES["suspend"], values)).one_or_none()


async def resume_due(session: AnySession, *, project_id: UUID, job_ids: Sequence[UUID]) -> Sequence[Any]:
    """Put those of the jobs back into the queue that have a wait that has ended, and return their rows."""
    values = {"project_id": project_id, "job_ids": list(job_ids)}
    return (await session.execute(QUERIES["resume_due"], values)).all()


async def cancel_pending(session: AnySession, *, job_id: UUID, error: str, event: NewEvent) -> Any:
    """Cancel a job that is queued or waits; None if it is neither."""
    values = {"job_id": job_id, "error": error, "events": as_rows([event])}
    return (await session.execute(QUERIES["cancel_pending"], values)).one_or_none()


async def cancel_all_pending(
    session: AnySession, *, project_id: UUID, actor: str, error: str
) -> Sequence[Any]:
    """Cancel all jobs of a project that are queued or wait, and return their last events' numbers."""
    values = {"project_id": project_id, "who": actor, "error": error}
    return (await session.execute(QUERIES["cancel_all_pending"], values)).all()


def _event_values(events: Sequence[PendingEvent]) -> dict[str, Any]:
    return {"count": len(events), "events": as_rows(events)}
