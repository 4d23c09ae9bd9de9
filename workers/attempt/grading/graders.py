"""Run the graders of a skill after a run has its result and before its last event.

A grader that fails scores 0 with the error; the job keeps its result in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.evals.case_of_job import Case
from backend.evals.json_values import NoSuchPathError, equal, value_at
from backend.evals.scores import Scored, Verdict, combine
from backend.skills.manifest.types import Grader, Skill
from backend.skills.schemas.value_schemas import OutputSchema
from workers.attempt.grading.judge_models import Judges
from workers.attempt.grading.types import Graded, verdict_of
from workers.drives.errors import AttemptLost
from workers.sandbox.host.runtime import SandboxRuntime

from .checks import run_check
from .judge import Judge

if TYPE_CHECKING:
    from workers.llm.selection import Models

_BROKE: Final = "The grader failed"


class Graders:
    """The graders of the jobs of this worker process."""

    def __init__(self, context: AppContext, runtime: SandboxRuntime, models: Models | None = None) -> None:
        """Use these models for judges; without them, those of the settings."""
        self._context = context
        self._runtime = runtime
        self._judges = Judges(context, models)

    async def grade(self, graded: Graded) -> Scored:
        """Return the verdicts of the skill's graders, which run one after the other.

        Raises:
            AttemptLost: the attempt is not the running one any more.
        """
        judge = Judge(self._context, self._judges, graded)
        verdicts = []
        for position, grader in enumerate(graded.skill.evals):
            verdicts.append(await self._verdict(graded, grader, position, judge))
        return combine(verdicts)

    async def close(self) -> None:
        """Close the models of the judges."""
        await self._judges.close()

    async def _verdict(self, graded: Graded, grader: Grader, position: int, judge: Judge) -> Verdict:
        try:
            if grader.kind == "check":
                return await run_check(self._runtime, grader, graded)
            if grader.kind == "rubric":
                return await judge.verdict(grader, position)
            if grader.kind == "exact_match":
                return _exact_match(grader, graded.output, graded.case)
            return _schema(grader, graded.skill, graded.output)
        except AttemptLost:
            raise
        except PurasError as error:
            return verdict_of(grader, detail=f"{_BROKE}: {error.detail}")
        except Exception as error:  # noqa: BLE001 - a grader that breaks must not fail the job
            return verdict_of(grader, detail=f"{_BROKE}: {type(error).__name__}: {error}")


def _exact_match(grader: Grader, output: Any, case: Case | None) -> Verdict:
    """Compare the output with the expected value; with a field, only that field."""
    if case is None or not case.has_expected:
        return verdict_of(grader, skipped=True, detail="The run has no expected output.")
    expected, found = [case.expected], output
    if grader.field is not None:
        try:
            found = value_at(output, grader.field)
        except NoSuchPathError:
            return verdict_of(grader, detail=f"The output has no {grader.field!r}.")
        expected += _values_at(case.expected, grader.field)
    if any(equal(found, one) for one in expected):
        return verdict_of(grader, score=1.0, passed=True)
    subject = f"The output's {grader.field!r}" if grader.field else "The output"
    return verdict_of(grader, detail=f"{subject} is not the expected value.")


def _values_at(value: Any, path: str) -> Sequence[Any]:
    try:
        return [value_at(value, path)]
    except NoSuchPathError:
        return []


def _schema(grader: Grader, skill: Skill, output: Any) -> Verdict:
    schema = grader.expected_schema or skill.output_schema
    if not schema:
        return verdict_of(grader, skipped=True, detail="There is no schema to validate with.")
    problems = OutputSchema(schema).check(output).problems
    if not problems:
        return verdict_of(grader, score=1.0, passed=True)
    return verdict_of(grader, detail=f"{problems[0].path}: {problems[0].message}")
