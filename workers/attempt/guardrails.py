"""One attempt within the rails of its skill, whatever runs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from backend.core.db.engine import Database
from backend.skills.manifest.types import Rail, Skill
from workers.attempt.guardrail_sandbox import checks_of
from workers.attempt.guardrail_values import let_in, let_out
from workers.attempt.start_approval import read_decisions
from workers.guardrails.checks import Check
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.errors import SandboxUnavailable
from workers.types import Assignment, Outcome, Postponed, Recorder, Runner

Run = Callable[[], Awaitable[Outcome | Postponed]]


async def within_rails(
    run: Run,
    skill: Skill,
    assignment: Assignment,
    recorder: Recorder,
    *,
    database: Database,
    runners: Mapping[str, Runner],
) -> Outcome | Postponed:
    """Run it if its inputs may pass, and let out of a function's result what may; agents look at theirs themselves."""
    if not skill.rails:
        return await run()
    check = _check(runners, assignment, recorder)
    asked = any(rail.action == "approve" and "input" in rail.on for rail in skill.rails)
    decided = await read_decisions(database, assignment.project_id, assignment.job_id) if asked else {}
    stopped = await let_in(skill, assignment.inputs, check, recorder, decisions=decided)
    if stopped is not None:
        return stopped
    outcome = await run()
    if skill.is_agentic or isinstance(outcome, Postponed):
        return outcome
    return await let_out(skill, outcome, check, recorder)


def _check(runners: Mapping[str, Runner], assignment: Assignment, recorder: Recorder) -> Check:
    runner = runners.get("deterministic")
    if isinstance(runner, DeterministicRunner):
        return checks_of(runner.house, assignment, recorder)

    async def cannot(rail: Rail, given: dict[str, Any]) -> Outcome:
        raise SandboxUnavailable(f"This worker has no sandbox in which the rail {rail.name!r} could run.")

    return cannot
