"""Checks: functions of the bundle that judge a run, called in the sandbox as the skill's own functions are."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final, TypeGuard

from backend.evals.scores import SURE, Verdict
from backend.skills.manifest.types import Grader
from workers.sandbox.host.execution import Execution, job_of, stay
from workers.sandbox.host.outcome import Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.spec import ParentSpec, spec_of
from workers.types import Assignment, Entrypoint, Failure

from .graded import Graded, verdict_of

CHECK_S: Final = 60.0
"""How long one check may take."""
_DECLARED: Final = ("inputs", "output")
_SHAPE: Final = (
    "Return {'score': 0 to 1, 'passed': true or false, 'detail': '…'}; 'score' or 'passed' is enough."
)


async def run_check(house: SandboxRuntime, grader: Grader, graded: Graded) -> Verdict:
    """What the function says of `inputs` and `output`.

    Raises:
        PurasError: it cannot be called.
    """
    assignment = graded.prepared.assignment
    file, _, function = (grader.entrypoint or "").rpartition(":")
    inputs = {"inputs": assignment.inputs, "output": graded.output}
    job = replace(job_of(assignment, inputs), function=function, declared=_DECLARED)
    guest = Execution(assignment, job, CHECK_S, f"The check ran longer than {CHECK_S:g} s.", kind="check")
    house.demand()
    async with house.supplies.of(assignment, graded.recorder) as environment:
        spec = _spec(spec_of(assignment, environment), assignment, file)
        outcome = await stay(house, spec, guest, meter=Meter(time.monotonic()), recorder=graded.recorder)
    if isinstance(outcome, Failure):
        return verdict_of(grader, detail=f"The check failed ({outcome.code}): {outcome.message}")
    return _read(grader, outcome.value)


def _spec(spec: ParentSpec, assignment: Assignment, file: str) -> ParentSpec:
    entrypoint = Entrypoint(assignment.entrypoint.skill_dir, file, "")
    key = spec.key._replace(tools=file)
    return replace(spec, key=key, entrypoint=entrypoint, declared_inputs=frozenset())


def _read(grader: Grader, said: Any) -> Verdict:
    """The verdict that a function gave, if it is one."""
    facts = said if isinstance(said, dict) else {"passed" if isinstance(said, bool) else "score": said}
    passed = facts.get("passed")
    score = facts.get("score", float(passed) if isinstance(passed, bool) else None)
    if not _is_score(score) or not isinstance(passed, (bool, type(None))):
        return verdict_of(grader, detail=f"The check gave no verdict. {_SHAPE}")
    has_passed = score >= SURE if passed is None else passed
    return verdict_of(grader, score=float(score), passed=has_passed, detail=str(facts.get("detail") or ""))


def _is_score(score: Any) -> TypeGuard[float]:
    """Whether it is a number from 0 to 1, which NaN is not."""
    return isinstance(score, (int, float)) and not isinstance(score, bool) and 0 <= score <= 1
