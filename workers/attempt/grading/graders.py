"""The graders of a skill, after a run has its result and before its last event.

A grader that breaks scores 0 and says why; whatever happens here, the job keeps its result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.evals.case_of_job import Case
from backend.evals.comparison import NoSuchPlaceError, place_in, same
from backend.evals.scores import Scored, Verdict, scored
from backend.skills.manifest.types import Grader, Skill
from backend.skills.schemas.value_schemas import OutputSchema
from workers.drives.errors import AttemptLost
from workers.sandbox.host.runtime import SandboxRuntime

from .asking import Judges
from .checks import run_check
from .graded import Graded, verdict_of
from .judge import Judge

if TYPE_CHECKING:
    from workers.llm.selection import Models

_BROKE: Final = "The grader broke"


class Graders:
    """The graders of the jobs of this worker process."""

    def __init__(self, context: AppContext, house: SandboxRuntime, models: Models | None = None) -> None:
        """Without `models` its judges are those that the settings give a worker."""
        self._context = context
        self._house = house
        self._judges = Judges(context, models)

    async def grade(self, graded: Graded) -> Scored:
        """What the skill's graders say, one after the other.

        Raises:
            AttemptLost: the attempt is not the running one any more.
        """
        judge = Judge(self._context, self._judges, graded)
        verdicts = []
        for place, grader in enumerate(graded.skill.evals):
            verdicts.append(await self._verdict(graded, grader, place, judge))
        return scored(verdicts)

    async def close(self) -> None:
        """Let go of the models that have judged."""
        await self._judges.close()

    async def _verdict(self, graded: Graded, grader: Grader, place: int, judge: Judge) -> Verdict:
        try:
            if grader.kind == "check":
                return await run_check(self._house, grader, graded)
            if grader.kind == "rubric":
                return await judge.verdict(grader, place)
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
    """With a field, the expected value is that of the field, or holds it at the same place."""
    if case is None or not case.has_expected:
        return verdict_of(grader, skipped=True, detail="The run has no expected output.")
    wanted, found = [case.expected], output
    if grader.field is not None:
        try:
            found = place_in(output, grader.field)
        except NoSuchPlaceError:
            return verdict_of(grader, detail=f"The output has no {grader.field!r}.")
        wanted += _places(case.expected, grader.field)
    if any(same(found, one) for one in wanted):
        return verdict_of(grader, score=1.0, passed=True)
    place = f"The output's {grader.field!r}" if grader.field else "The output"
    return verdict_of(grader, detail=f"{place} is not the expected one.")


def _places(value: Any, path: str) -> Sequence[Any]:
    try:
        return [place_in(value, path)]
    except NoSuchPlaceError:
        return []


def _schema(grader: Grader, skill: Skill, output: Any) -> Verdict:
    schema = grader.expected_schema or skill.output_schema
    if not schema:
        return verdict_of(grader, skipped=True, detail="There is no schema to check by.")
    problems = OutputSchema(schema).check(output).problems
    if not problems:
        return verdict_of(grader, score=1.0, passed=True)
    return verdict_of(grader, detail=f"{problems[0].path}: {problems[0].message}")
