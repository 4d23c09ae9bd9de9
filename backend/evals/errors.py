"""What can be wrong with suites and their cases.

Missing
├── EvalNotFound      no such suite in the project
├── CaseNotFound      no such kept case
└── NothingToCompare  no finished suite for one side of a comparison
Invalid
├── NoGraders         the skill declares no graders
├── NoCases           there is nothing to run
└── CasesUnknown      case_ids names cases that there are not
Conflict
├── NothingRecorded   cases have no earlier run to replay
├── NotFinished       a job or a suite has not ended, or ended without what is needed
├── CaseIdTaken       the skill has a case of that id
└── TooManyCases      as many as may be kept are
TooLarge
└── SuiteTooLarge     more runs, or more inputs, than one suite may have
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, Problem, TooLarge
from backend.core.names import suggestion


class EvalNotFound(Missing):
    """There is no such suite, or it is not the caller's."""

    code = "eval_not_found"

    def __init__(self, suite: object) -> None:
        super().__init__(
            f"No eval suite {str(suite)!r} in this project. List them: GET /v1/skillpacks/{{skillpack}}/evals.",
            eval_id=str(suite),
        )


class CaseNotFound(Missing):
    """There is no such case, or it is not the caller's."""

    code = "eval_case_not_found"

    def __init__(self, case_id: UUID) -> None:
        super().__init__(
            f"No eval case {str(case_id)!r} is kept in this project. List them: GET /v1/eval-cases. Cases of a dataset "
            "are changed in its bundle.",
            case_id=str(case_id),
        )


class NothingToCompare(Missing):
    """One side of a comparison has no finished suite."""

    code = "nothing_to_compare"

    def __init__(self, side: str, skill: str, ref: str | None) -> None:
        named = f"{side}={ref}" if ref else f"{side} (none is named)"
        super().__init__(
            f"There is no finished suite of {skill!r} for {named}. Run one with "
            "POST /v1/skillpacks/{skillpack}/evals, and name a version number or a suite's id.",
            skill=skill,
        )


class NoGraders(Invalid):
    """The skill declares no graders, so no run of it could pass."""

    code = "no_graders"

    def __init__(self, skill: str) -> None:
        super().__init__(
            f"The skill {skill!r} declares no graders. Add 'evals' with 'graders' to its skill.yaml, and push it.",
            [Problem("skill", "needs graders")],
        )


class NoCases(Invalid):
    """There is nothing to run."""

    code = "no_cases"

    def __init__(self, skill: str) -> None:
        super().__init__(
            f"The skill {skill!r} has no cases. Name a dataset in its skill.yaml, or keep a job as a case: "
            "POST /v1/jobs/{job}/eval-case.",
            [Problem("skill", "needs cases")],
        )


class CasesUnknown(Invalid):
    """`case_ids` names cases that there are not."""

    code = "cases_unknown"

    def __init__(self, unknown: Sequence[str], known: Sequence[str]) -> None:
        problems = [
            Problem(f"case_ids[{at}]", f"There is no case {name[:100]!r}.{suggestion(name, known)}")
            for at, name in enumerate(unknown)
        ]
        super().__init__(f"{problems[0].message} The skill has {len(known)}.", problems)


class NothingRecorded(Conflict):
    """Cases have no earlier run whose replies could be replayed."""

    code = "nothing_recorded"

    def __init__(self, cases: Sequence[str]) -> None:
        super().__init__(
            f"Nothing is recorded for {len(cases)} of the cases, such as {cases[0]!r}: a recording replays what a "
            "model answered in a case's earlier run. Run the suite on a model once, or name case_ids.",
            cases=list(cases[:20]),
        )


class NotFinished(Conflict):
    """It has not ended, or not in a way that can be used for this."""

    code = "not_finished"

    def __init__(self, what: str, status: str, mend: str) -> None:
        super().__init__(f"{what} is {status}. {mend}", status=status)


class CaseIdTaken(Conflict):
    """The skill has a kept case of that id."""

    code = "case_id_taken"

    def __init__(self, case_id: str) -> None:
        super().__init__(
            f"The skill has a case {case_id!r} already. Give another 'id', or delete that case first.",
            case_id=case_id,
        )


class TooManyCases(Conflict):
    """As many cases of the skill as may be kept are."""

    code = "too_many_cases"

    def __init__(self, most: int) -> None:
        super().__init__(f"The skill has {most:,} kept cases, which is the most. Delete some.", most=most)


class SuiteTooLarge(TooLarge):
    """More runs, or more inputs, than one suite may have."""

    code = "suite_too_large"

    def __init__(self, what: str, most: str) -> None:
        super().__init__(
            f"The suite has {what}; at most {most} fit into one. Name case_ids, or repeat less often."
        )
