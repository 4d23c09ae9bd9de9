"""Derive insights about a skill from its recent jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.errors import Invalid, NotAllowed, Problem
from backend.evals.insights import rules
from backend.evals.insights.queries import MAX_EVENTS, MAX_JOBS, RecentJobs, read
from backend.evals.insights.schemas import Finding, Findings, StepNumbers, ToolNumbers, VersionNumbers
from backend.evals.insights.statistics import steps_of, tools_of, versions_of
from backend.identity.auth.principal import Principal, Role
from backend.skills.deployments.active import resolve_skill

DEFAULT_PERIOD: Final = timedelta(days=7)
MAX_PERIOD: Final = timedelta(days=90)


async def findings(
    session: AsyncSession,
    principal: Principal,
    skill: str,
    *,
    skillpack: str | None = None,
    since: datetime | None = None,
) -> Findings:
    """Return insights from the newest jobs of the skill, computed for each request.

    Raises:
        Missing: The skill does not exist.
        NotAllowed: The principal is a publishable key or a job.
        Invalid: `since` has no time zone.
    """
    principal.require(Role.VIEWER, "jobs:read")
    if principal.kind in ("publishable_key", "job"):
        raise NotAllowed("Insights are about all jobs of a skill. Use a secret key or the studio.")
    start = _start(since)
    resolved = await resolve_skill(session, principal, skill=skill, skillpack=skillpack)
    name = resolved.skill.name
    recent = await read(session, principal, skillpack_id=resolved.skillpack_id, skill=name, since=start)
    versions, tools, steps = versions_of(recent.runs), tools_of(recent.calls), steps_of(recent.replies)
    found = sorted(
        _findings(recent, versions, tools, steps),
        key=lambda one: (rules.ORDER[one.severity], one.kind, one.title),
    )
    return Findings(
        skill=name,
        skillpack=resolved.skillpack_slug,
        since=start,
        jobs_analyzed=len(recent.runs),
        max_jobs=MAX_JOBS,
        is_capped=recent.is_capped,
        max_events=MAX_EVENTS,
        findings=found,
        versions=versions,
        tools=tools,
        steps=steps,
    )


def _start(since: datetime | None) -> datetime:
    if since is None:
        return now() - DEFAULT_PERIOD
    if since.tzinfo is None:
        message = "Use a time with a time zone, such as 2026-01-31T09:00:00Z."
        raise Invalid(f"since: {message}", [Problem("query.since", message)])
    return max(since, now() - MAX_PERIOD)


def _findings(
    recent: RecentJobs, versions: list[VersionNumbers], tools: list[ToolNumbers], steps: list[StepNumbers]
) -> Iterator[Finding]:
    yield from rules.failures(recent.runs)
    yield from rules.invalid_results(recent)
    yield from rules.tool_errors(recent.calls)
    yield from rules.tools(recent, tools)
    yield from rules.expensive_steps(recent.replies, steps)
    yield from rules.cache_misses(recent.replies)
    yield from rules.expensive_runs(recent.runs)
    yield from rules.newer_version(recent.runs, versions)
