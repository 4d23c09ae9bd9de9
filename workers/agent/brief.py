"""An assignment for an agent: what every job has, and what only agents need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from backend.bundles.manifest import Manifest, Skill
from backend.jobs.claim import Claimed
from workers.agent.journal import Journal
from workers.agent.limits import MOST_STEPS, Limits
from workers.runners import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAssignment(Assignment):
    """One attempt of one run of an agent."""

    skill: Skill
    model: str | None
    """Slug that the job or its skill asks for; none: the instance's own choice."""
    budget: Limits
    journal: Journal = field(repr=False)
    leaving: asyncio.Event = field(repr=False)
    """Set when this worker leaves: the run is handed over before its next reply."""
    manifest: Manifest
    """All skills of the deployment."""
    look: Callable[[], None] = field(repr=False, default=lambda: None)
    """Has this worker look for jobs that the run has called: they run here, in its place."""
    is_unpaid: bool
    """Nothing could be reserved: a run that costs something waits for the wallet."""


def for_agent(
    assignment: Assignment,
    manifest: Manifest,
    claimed: Claimed,
    *,
    skill: Skill,
    journal: Journal,
    leaving: asyncio.Event,
    look: Callable[[], None],
) -> AgentAssignment:
    """The assignment with what an agent needs beside it."""
    shared = {one.name: getattr(assignment, one.name) for one in fields(Assignment)}
    own = claimed.limits
    return AgentAssignment(
        **shared,
        skill=skill,
        manifest=manifest,
        model=claimed.model or skill.model,
        budget=Limits(
            steps=_least(skill.limits.steps or MOST_STEPS, own.get("steps")),
            timeout_s=assignment.limits.timeout_s,
            tokens=_narrower(skill.limits.tokens, own.get("tokens")),
            cap_micros=claimed.reserved_micros,
        ),
        journal=journal,
        leaving=leaving,
        look=look,
        is_unpaid=claimed.cap_micros > 0 and claimed.reserved_micros == 0,
    )


def _least(most: int, own: int | None) -> int:
    return most if own is None else min(most, own)


def _narrower(most: int | None, own: int | None) -> int | None:
    return own if most is None else _least(most, own)
