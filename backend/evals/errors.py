"""Errors of eval suites and their cases."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, Problem, TooLarge, field
from backend.core.names import suggestion


class EvalNotFound(Missing):
    """The suite does not exist, or belongs to another project."""

    code = "eval_not_found"
    message = "No eval suite {eval_id!r} in this project. List them: GET /v1/skillpacks/{{skillpack}}/evals."
    eval_id: UUID | str


class CaseNotFound(Missing):
    """The case does not exist, or belongs to another project."""

    code = "eval_case_not_found"
    message = (
        "No eval case {case_id!r} is stored in this project. List them: GET /v1/eval-cases. Cases of a dataset are "
        "changed in its bundle."
    )
    case_id: UUID


class NothingToCompare(Missing):
    """One side of a comparison has no finished suite."""

    code = "nothing_to_compare"
    side: str = field(in_body=False)
    skill: str
    ref: str | None = field(in_body=False)

    def describe(self) -> str:
        """Return the message."""
        named = f"{self.side}={self.ref}" if self.ref else f"{self.side} (none is named)"
        return (
            f"There is no finished suite of {self.skill!r} for {named}. Run one with POST "
            "/v1/skillpacks/{skillpack}/evals, and name a version number or a suite's id."
        )


class NoGraders(Invalid):
    """The skill declares no graders."""

    code = "no_graders"

    def __init__(self, skill: str) -> None:
        super().__init__(
            f"The skill {skill!r} declares no graders. Add 'evals' with 'graders' to its skill.yaml, and push it.",
            [Problem("skill", "needs graders")],
        )


class NoCases(Invalid):
    """The suite has no cases."""

    code = "no_cases"

    def __init__(self, skill: str) -> None:
        super().__init__(
            f"The skill {skill!r} has no cases. Name a dataset in its skill.yaml, or save a job as a case: "
            "POST /v1/jobs/{job}/eval-case.",
            [Problem("skill", "needs cases")],
        )


class CasesUnknown(Invalid):
    """`case_ids` names cases that do not exist."""

    code = "cases_unknown"

    def __init__(self, unknown: Sequence[str], known: Sequence[str]) -> None:
        problems = [
            Problem(f"case_ids[{at}]", f"There is no case {name[:100]!r}.{suggestion(name, known)}")
            for at, name in enumerate(unknown)
        ]
        super().__init__(f"{problems[0].message} The skill has {len(known)}.", problems)


class NothingRecorded(Conflict):
    """Cases have no earlier run with recorded replies."""

    code = "nothing_recorded"

    def __init__(self, cases: Sequence[str]) -> None:
        super().__init__(
            f"{len(cases)} of the cases have no recording, such as {cases[0]!r}. A recording replays the "
            "replies of a model in an earlier run of the case. Run the suite with a model once, or set "
            "case_ids.",
            cases=list(cases[:20]),
        )


class NotFinished(Conflict):
    """The job or suite has not ended, or has no usable result."""

    code = "not_finished"

    def __init__(self, what: str, status: str, hint: str) -> None:
        super().__init__(f"{what} is {status}. {hint}", status=status)


class CaseIdTaken(Conflict):
    """The skill has a stored case with this ID."""

    code = "case_id_taken"
    message = "The skill already has a case {case_id!r}. Set another 'id', or delete that case first."
    case_id: str


class TooManyCases(Conflict):
    """The skill has the maximum number of stored cases."""

    code = "too_many_cases"
    message = "The skill has {most:,} saved cases, the maximum. Delete some of them."
    most: int


class SuiteTooLarge(TooLarge):
    """The suite exceeds the limit for its runs or inputs."""

    code = "suite_too_large"
    message = "The suite has {what}; the maximum is {most}. Set case_ids, or a lower number of repetitions."
    what: str = field(in_body=False)
    most: str = field(in_body=False)
