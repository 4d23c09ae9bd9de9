"""Define rows that are deleted in batches, each in a transaction of its own that locks only these rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of rows with a retention period."""

    name: str
    count: TextClause
    """Count the rows older than `before`."""
    remove: TextClause
    """Delete up to `maximum` of them, and return how many."""


STRAY_EVENTS: Final = Kind(
    "events outside their month",
    text("""
    select count(*) from job_events_other e join jobs j on j.id = e.job_id
    where e.ts < :before and j.finished_at < :before
    """),
    text("""
    with old as (
      select e.job_id, e.seq, e.ts from job_events_other e join jobs j on j.id = e.job_id
      where e.ts < :before and j.finished_at < :before limit 25 * :maximum
    ), gone as (
      delete from job_events e using old where e.job_id = old.job_id and e.seq = old.seq and e.ts = old.ts
    )
    select count(*) from old
    """),
)
JOURNALS: Final = Kind(
    "conversations of agents",
    text("""
    select count(*) from journal_entries e join jobs j on j.id = e.job_id
    where e.step = 0 and e.created_at < :before and j.finished_at < :before
    """),
    text("""
    with old as (
      select e.job_id from journal_entries e join jobs j on j.id = e.job_id
      where e.step = 0 and e.created_at < :before and j.finished_at < :before limit :maximum
    ), gone as (
      delete from journal_entries e using old where e.job_id = old.job_id
    )
    select count(*) from old
    """),
)
STEPS: Final = Kind(
    "durable steps",
    text("""
    select count(*) from job_steps s join jobs j on j.id = s.job_id
    where s.started_at < :before and j.finished_at < :before
    """),
    text("""
    with old as (
      select s.job_id, s.branch, s.position from job_steps s join jobs j on j.id = s.job_id
      where s.started_at < :before and j.finished_at < :before limit 5 * :maximum
    ), gone as (
      delete from job_steps s using old
      where s.job_id = old.job_id and s.branch = old.branch and s.position = old.position
    )
    select count(*) from old
    """),
)
FLOW_STEPS: Final = Kind(
    "steps of flows",
    text("""
    select count(*) from flow_steps s join jobs j on j.id = s.job_id
    where s.started_at < :before and j.finished_at < :before
    """),
    text("""
    with old as (
      select s.job_id, s.step, s.item from flow_steps s join jobs j on j.id = s.job_id
      where s.started_at < :before and j.finished_at < :before limit 5 * :maximum
    ), gone as (
      delete from flow_steps s using old where s.job_id = old.job_id and s.step = old.step and s.item = old.item
    )
    select count(*) from old
    """),
)
PROJECT_EVENTS: Final = Kind(
    "events of projects",
    text("""
    select count(*) from project_events e
    where e.received_at < :before and not exists (select from job_waits w where w.event_seq = e.seq)
    """),
    text("""
    with gone as (
      delete from project_events where seq = any(array(
        select e.seq from project_events e
        where e.received_at < :before and not exists (select from job_waits w where w.event_seq = e.seq)
        order by e.received_at limit 5 * :maximum
      ))
      returning seq
    )
    select count(*) from gone
    """),
)
JOBS: Final = Kind(
    "jobs",
    text("select count(*) from jobs where finished_at < :before"),
    text("""
    with old as (
      select id from jobs where finished_at < :before limit :maximum for update skip locked
    ), events as (
      delete from job_events e using old where e.job_id = old.id
    ), usage as (
      delete from usage_events u using old where u.job_id = old.id
    ), gone as (
      delete from jobs j using old where j.id = old.id
    )
    select count(*) from old
    """),
)
FAILURE_CLUSTERS: Final = Kind(
    "failure clusters",
    text("""
    select count(*) from failure_clusters c
    where c.first_seen_at < :before and (c.state <> 'ignored' or c.ignored_until < :before) and not exists (
      select from jobs j where j.project_id = c.project_id and j.error_signature = c.signature
    )
    """),
    text("""
    with gone as (
      delete from failure_clusters where ctid = any(array(
        select c.ctid from failure_clusters c
        where c.first_seen_at < :before and (c.state <> 'ignored' or c.ignored_until < :before) and not exists (
          select from jobs j where j.project_id = c.project_id and j.error_signature = c.signature
        )
        order by c.first_seen_at limit :maximum
      ))
      returning signature
    )
    select count(*) from gone
    """),
)
"""Errors of which no job is left. Those that a user ignores remain, so that they are still ignored when they return."""
SUITES: Final = Kind(
    "eval suites",
    text("select count(*) from eval_suites where finished_at < :before and not is_baseline"),
    text("""
    with gone as (
      delete from eval_suites where id in (
        select id from eval_suites where finished_at < :before and not is_baseline limit :maximum for update skip locked
      )
      returning id
    )
    select count(*) from gone
    """),
)
SESSIONS: Final = Kind(
    "sessions",
    text("select count(*) from agent_sessions where updated_at < :before and deleted_at is null"),
    text("""
    with old as (  -- `sessions.removal` then removes them with their jobs
      update agent_sessions set deleted_at = clock_timestamp() where id = any(array(
        select id from agent_sessions s where updated_at < :before and deleted_at is null and not exists (
          select from session_turns t where t.session_id = s.id and t.ended_at is null
        ) limit :maximum for update skip locked
      ))
      returning id
    )
    select count(*) from old
    """),
)
AUDIT: Final = Kind(
    "audit rows",
    text("select count(*) from audit_rows where at < :before"),
    text("""
    with gone as (
      delete from audit_rows where id in (select id from audit_rows where at < :before order by id limit 5 * :maximum)
      returning id
    )
    select count(*) from gone
    """),
)
DELIVERIES: Final = Kind(
    "deliveries of webhooks",
    text("select count(*) from webhook_deliveries where created_at < :before and status <> 'pending'"),
    text("""
    with gone as (
      delete from webhook_deliveries where id = any(array(
        select id from webhook_deliveries
        where created_at < :before and status <> 'pending' order by created_at limit :maximum
      ))
      returning id
    )
    select count(*) from gone
    """),
)
SCHEDULE_RUNS: Final = Kind(
    "runs of schedules",
    text("select count(*) from schedule_runs where created_at < :before"),
    text("""
    with gone as (
      delete from schedule_runs where id = any(array(
        select id from schedule_runs where created_at < :before order by created_at limit :maximum
      ))
      returning id
    )
    select count(*) from gone
    """),
)


async def count(session: AsyncSession, kind: Kind, before: datetime) -> int:
    """Return the number of rows older than `before`."""
    return int((await session.execute(kind.count, {"before": before})).scalar_one())


async def remove(session: AsyncSession, kind: Kind, before: datetime) -> int:
    """Delete a batch of rows older than `before`, and return how many."""
    return int((await session.execute(kind.remove, {"before": before, "maximum": BATCH})).scalar_one())
