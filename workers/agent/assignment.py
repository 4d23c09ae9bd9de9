"""The assignment of an agent: that of a job, and what only agents need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from backend.execution.jobs.attempts.claim import JobAttempt
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.types import Manifest, Skill
from workers.agent.cost_cap import SESSION_LIMIT, cost_cap_of
from workers.agent.guardrails import Guard
from workers.agent.journal import Journal
from workers.agent.limits import Limits
from workers.types import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAssignment(Assignment):
    """One attempt of one run of an agent."""

    skill: Skill
    prompt: str | None
    """The inline prompt of the request, instead of the skill's own."""
    model: str | None
    """Slug that the job or its skill requests; none: the default of the instance."""
    fallback_models: tuple[str, ...] = ()
    """Models that continue the run, in this order, if the one before cannot."""
    budget: Limits
    journal: Journal = field(repr=False)
    leaving: asyncio.Event = field(repr=False)
    """Set when this worker drains: the run is requeued before its next reply."""
    manifest: Manifest
    """All skills of the deployment."""
    confirmed: Effects = NONE
    """The effects that need an approval in this run, with any tool."""
    mocks: Mapping[str, Any] = field(default_factory=dict)
    """Responses of tools by name that replace calls in eval suites."""
    poll_children: Callable[[], None] = field(repr=False, default=lambda: None)
    """Lets this worker claim the subjobs of the run, which use its slot."""
    guard: Guard = field(repr=False)
    """The guardrails of its skill."""
    has_own_copy: bool = False
    """Its files are a copy that a later attempt has too, instead of a work folder and the drive."""
    is_unpaid: bool
    """Nothing could be reserved: a run that is not free waits for credit."""


def for_agent(
    assignment: Assignment,
    manifest: Manifest,
    job_attempt: JobAttempt,
    *,
    skill: Skill,
    journal: Journal,
    leaving: asyncio.Event,
    poll_children: Callable[[], None],
    mocks: Mapping[str, Any] | None = None,
    confirmed: Effects = NONE,
    session_left_micros: int | None = None,
) -> AgentAssignment:
    """Return the assignment of an agent, based on that of its job.

    `session_left_micros` is what the session of the job may still cost, if the job is a turn of one.
    """
    shared = {one.name: getattr(assignment, one.name) for one in fields(Assignment)}
    own_limits = job_attempt.limits
    cap_micros = max(0, job_attempt.reserved_micros - job_attempt.price_micros)
    cost_cap = cost_cap_of(job_attempt, skill)
    if session_left_micros is not None and session_left_micros <= cap_micros:
        cap_micros, cost_cap = session_left_micros, SESSION_LIMIT
    return AgentAssignment(
        **shared,
        skill=skill,
        manifest=manifest,
        confirmed=manifest.confirmed | confirmed,
        prompt=job_attempt.prompt,
        model=job_attempt.model or skill.model,
        fallback_models=() if job_attempt.model else skill.fallback_models,
        budget=Limits(
            steps=_least(job_ceilings.current().effective_steps(skill), own_limits.get("steps")),
            timeout_s=assignment.limits.timeout_s,
            tokens=_narrower(job_ceilings.current().declared(skill.limits).tokens, own_limits.get("tokens")),
            cap_micros=cap_micros,
            cost_cap=cost_cap,
        ),
        journal=journal,
        guard=Guard(skill, journal.recorder),
        leaving=leaving,
        poll_children=poll_children,
        mocks=mocks or {},
        is_unpaid=job_attempt.cap_micros > 0 and job_attempt.reserved_micros == 0,
    )


def _least(maximum: int, own_limits: int | None) -> int:
    return maximum if own_limits is None else min(maximum, own_limits)


def _narrower(maximum: int | None, own_limits: int | None) -> int | None:
    return own_limits if maximum is None else _least(maximum, own_limits)
