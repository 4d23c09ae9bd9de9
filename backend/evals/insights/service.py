"""Findings of one skill, from its own jobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.errors import Invalid, NotAllowed, Problem
from backend.evals.insights import rules
from backend.evals.insights.queries import MAX_EVENTS, MAX_JOBS, Read, read
from backend.evals.insights.schemas import Finding, Findings, StepNumbers, ToolNumbers, VersionNumbers
from backend.evals.insights.statistics import steps_of, tools_of, versions_of
from backend.identity.auth.principal import Principal, Role
from backend.skills.deployments.active import resolve_skill

USUAL: Final = timedelta(days=7)
LONGEST: Final = timedelta(days=90)


async def findings(
    session: AsyncSession,
    principal: Principal,
    skill: str,
    *,
    skillpack: str | None = None,
    since: datetime | None = None,
) -> Findings:
    """What the newest jobs of the skill say about it; read when it is asked for, nothing is kept.

    Raises:
        Missing: there is no such skill.
        NotAllowed: a publishable key or a job asks.
        Invalid: the time is no time.
    """
    principal.require(Role.VIEWER, "jobs:read")
    if principal.kind in ("publishable_key", "job"):
        raise NotAllowed("Findings are about all jobs of a skill. Ask with a secret key, or in the studio.")
    begin = _begin(since)
    found = await resolve_skill(session, principal, skill=skill, skillpack=skillpack)
    name = found.skill.name
    seen = await read(session, principal, skillpack_id=found.skillpack_id, skill=name, since=begin)
    versions, tools, steps = versions_of(seen.runs), tools_of(seen.calls), steps_of(seen.replies)
    said = sorted(
        _all(seen, versions, tools, steps), key=lambda one: (rules.ORDER[one.severity], one.kind, one.title)
    )
    return Findings(
        skill=name,
        skillpack=found.skillpack_slug,
        since=begin,
        jobs_analyzed=len(seen.runs),
        most_jobs=MAX_JOBS,
        is_capped=seen.is_capped,
        most_events=MAX_EVENTS,
        findings=said,
        versions=versions,
        tools=tools,
        steps=steps,
    )


def _begin(since: datetime | None) -> datetime:
    if since is None:
        return now() - USUAL
    if since.tzinfo is None:
        message = "Give a moment with its zone, like 2026-01-31T09:00:00Z."
        raise Invalid(f"since: {message}", [Problem("query.since", message)])
    return max(since, now() - LONGEST)


def _all(
    seen: Read, versions: list[VersionNumbers], tools: list[ToolNumbers], steps: list[StepNumbers]
) -> Iterator[Finding]:
    yield from rules.failures(seen.runs)
    yield from rules.misfits(seen)
    yield from rules.tool_errors(seen.calls)
    yield from rules.tools(seen, tools)
    yield from rules.dear_steps(seen.replies, steps)
    yield from rules.cache_misses(seen.replies)
    yield from rules.dear_runs(seen.runs)
    yield from rules.newer_version(seen.runs, versions)
