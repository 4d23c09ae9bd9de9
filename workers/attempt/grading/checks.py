"""Run checks: functions of the bundle that grade a run, called in the sandbox like the skill's functions."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final, TypeGuard

from backend.evals.scores import PASSING_SCORE, Verdict
from backend.skills.manifest.types import Grader
from workers.attempt.grading.types import Graded, verdict_of
from workers.sandbox.host.executions.execution import Execution, execute, job_of
from workers.sandbox.host.executions.outcome import Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.zygotes.spec import ZygoteSpec, spec_of
from workers.types import Assignment, Entrypoint, Failure

CHECK_S: Final = 60.0
"""The time limit of one check."""
_DECLARED: Final = ("inputs", "output")
_SHAPE: Final = (
    "Return {'score': 0 to 1, 'passed': true or false, 'detail': '…'}; 'score' or 'passed' is sufficient."
)


async def run_check(runtime: SandboxRuntime, grader: Grader, graded: Graded) -> Verdict:
    """Return the verdict of the function on `inputs` and `output`.

    Raises:
        PurasError: it cannot be called.
    """
    assignment = graded.prepared.assignment
    file, _, function = (grader.entrypoint or "").rpartition(":")
    inputs = {"inputs": assignment.inputs, "output": graded.output}
    job = replace(job_of(assignment, inputs), function=function, declared=_DECLARED)
    execution = Execution(assignment, job, CHECK_S, f"The check ran longer than {CHECK_S:g} s.", kind="check")
    runtime.demand()
    async with runtime.assets.of(assignment, graded.recorder) as environment:
        spec = _spec(spec_of(assignment, environment), assignment, file)
        outcome = await execute(
            runtime, spec, execution, meter=Meter(time.monotonic()), recorder=graded.recorder
        )
    if isinstance(outcome, Failure):
        return verdict_of(grader, detail=f"The check failed ({outcome.code}): {outcome.message}")
    return _read(grader, outcome.value)


def _spec(spec: ZygoteSpec, assignment: Assignment, file: str) -> ZygoteSpec:
    entrypoint = Entrypoint(assignment.entrypoint.skill_dir, file, "")
    key = spec.key._replace(tools=file)
    return replace(spec, key=key, entrypoint=entrypoint, declared_inputs=frozenset())


def _read(grader: Grader, value: Any) -> Verdict:
    """Return the verdict of a function, or that it is invalid."""
    fields = value if isinstance(value, dict) else {"passed" if isinstance(value, bool) else "score": value}
    passed = fields.get("passed")
    score = fields.get("score", float(passed) if isinstance(passed, bool) else None)
    if not _is_score(score) or not isinstance(passed, (bool, type(None))):
        return verdict_of(grader, detail=f"The check returned no verdict. {_SHAPE}")
    has_passed = score >= PASSING_SCORE if passed is None else passed
    return verdict_of(grader, score=float(score), passed=has_passed, detail=str(fields.get("detail") or ""))


def _is_score(score: Any) -> TypeGuard[float]:
    """Return whether it is a number from 0 to 1, which NaN is not."""
    return isinstance(score, (int, float)) and not isinstance(score, bool) and 0 <= score <= 1
