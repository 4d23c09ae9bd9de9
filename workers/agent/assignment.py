"""An assignment for an agent: what every job has, and what only agents need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from backend.execution.jobs.claim import JobAttempt
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.types import Manifest, Skill
from workers.agent.cost_cap import cost_cap_of
from workers.agent.guardrails import Guard
from workers.agent.journal import Journal
from workers.agent.limits import Limits
from workers.types import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAssignment(Assignment):
    """One attempt of one run of an agent."""

    skill: Skill
    prompt: str | None
    """In the place of the skill's own: of an inline prompt."""
    model: str | None
    """Slug that the job or its skill asks for; none: the instance's own choice."""
    budget: Limits
    journal: Journal = field(repr=False)
    leaving: asyncio.Event = field(repr=False)
    """Set when this worker leaves: the run is handed over before its next reply."""
    manifest: Manifest
    """All skills of the deployment."""
    confirmed: Effects = NONE
    """What needs an approval in this run, whichever way it is reached."""
    mocks: Mapping[str, Any] = field(default_factory=dict)
    """What tools answer, by their names, without being called: in suites of evals."""
    poll_children: Callable[[], None] = field(repr=False, default=lambda: None)
    """Lets this worker claim jobs that the run has called: they run here, in its slot."""
    guard: Guard = field(repr=False)
    """The rails of its skill."""
    is_unpaid: bool
    """Nothing could be reserved: a run that costs something waits for the wallet."""


def for_agent(
    assignment: Assignment,
    manifest: Manifest,
    claimed: JobAttempt,
    *,
    skill: Skill,
    journal: Journal,
    leaving: asyncio.Event,
    poll_children: Callable[[], None],
    mocks: Mapping[str, Any] | None = None,
    confirmed: Effects = NONE,
) -> AgentAssignment:
    """The assignment with what an agent needs beside it."""
    shared = {one.name: getattr(assignment, one.name) for one in fields(Assignment)}
    own = claimed.limits
    return AgentAssignment(
        **shared,
        skill=skill,
        manifest=manifest,
        confirmed=manifest.confirmed | confirmed,
        prompt=claimed.prompt,
        model=claimed.model or skill.model,
        budget=Limits(
            steps=_least(job_ceilings.current().effective_steps(skill), own.get("steps")),
            timeout_s=assignment.limits.timeout_s,
            tokens=_narrower(job_ceilings.current().declared(skill.limits).tokens, own.get("tokens")),
            cap_micros=max(0, claimed.reserved_micros - claimed.price_micros),
            cost_cap=cost_cap_of(claimed, skill),
        ),
        journal=journal,
        guard=Guard(skill, journal.recorder),
        leaving=leaving,
        poll_children=poll_children,
        mocks=mocks or {},
        is_unpaid=claimed.cap_micros > 0 and claimed.reserved_micros == 0,
    )


def _least(most: int, own: int | None) -> int:
    return most if own is None else min(most, own)


def _narrower(most: int | None, own: int | None) -> int | None:
    return own if most is None else _least(most, own)
