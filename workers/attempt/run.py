"""Run one attempt of one job, from its claim to its stored end. Each step is in the module of its name."""

from __future__ import annotations

import asyncio
import time

from backend.data.secrets.scrub import Scrubber
from backend.execution.jobs.attempts.finish import AttemptResult
from workers import phases
from workers.attempt.attempt import Attempt
from workers.attempt.decide import decide, end_of_interrupted, failure_of
from workers.attempt.grade import grade
from workers.attempt.guard import guard_inputs, guard_outputs
from workers.attempt.persist import persist
from workers.attempt.prepare import prepare, release_drive
from workers.attempt.start_conditions import check_funds, require_approval, without_approvals
from workers.attempt.store_files import store_files
from workers.attempt.types import AttemptEnd, Lost, Prepared
from workers.attempt.validate import validate
from workers.drives.deletions import Deletions
from workers.drives.overfull import fail_on_growth
from workers.guardrails.redaction import EventRedactor
from workers.types import Outcome, Postponed


async def run_attempt(attempt: Attempt) -> AttemptEnd:
    """Run an attempt, store how it ended and return that. Whatever the skill does, this raises nothing."""
    attempt.has_started = True
    phases.start()
    if attempt.ended_by is not None:
        end = end_of_interrupted(attempt, ran_s=0.0)
    elif (missing := check_funds(attempt.job_attempt)) is not None:
        end = decide(attempt, missing)
    else:
        end = await _run_steps(attempt)
    await persist(attempt, end)
    return end


async def _run_steps(attempt: Attempt) -> AttemptEnd:
    """Return how the attempt ends: by its last step, by an error in one of them, or from outside."""
    started = time.monotonic()
    prepared: Prepared | None = None
    result: AttemptResult | Postponed | Lost
    try:
        with phases.measured("load"):
            prepared = await prepare(attempt)
        attempt.recorder.hide(Scrubber(prepared.assignment.secrets.values()), EventRedactor(prepared.skill))
        recorder = Deletions(attempt.recorder)
        outcome = await fail_on_growth(prepared.overfull_drive, _run_guarded(attempt, prepared, recorder))
        outcome = validate(prepared.skill, without_approvals(prepared.skill, outcome))
        with phases.measured("store"):
            result = await store_files(attempt, prepared, outcome, recorder)
        with phases.measured("grade"):
            result = await grade(attempt, prepared, result)
    except asyncio.CancelledError:
        return end_of_interrupted(attempt, ran_s=time.monotonic() - started)
    except Exception as error:  # noqa: BLE001 - the last resort: a fault of ours ends the job, not the worker
        result = failure_of(attempt, error)
    finally:
        release_drive(attempt, prepared)
    return decide(attempt, result, skill=None if prepared is None else prepared.skill)


async def _run_guarded(attempt: Attempt, prepared: Prepared, recorder: Deletions) -> Outcome | Postponed:
    """Run the skill, unless an approval or a guardrail on its inputs stops it, and guard what it returns."""
    stopped = await require_approval(attempt, prepared)
    if stopped is None:
        with phases.measured("guardrails"):
            stopped = await guard_inputs(attempt, prepared, recorder)
    if stopped is not None:
        return stopped
    outcome = await attempt.runners[attempt.job_attempt.type].run(prepared.assignment, recorder)
    return await guard_outputs(attempt, prepared, outcome, recorder)
