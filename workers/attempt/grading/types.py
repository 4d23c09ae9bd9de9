"""Define the types of grading: a run to grade, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.evals.case_of_job import Case
from backend.evals.scores import Verdict
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.skills.manifest.types import Grader, Skill
from workers.agent.journal import Journal
from workers.attempt.types import Prepared
from workers.types import Recorder


@dataclass(frozen=True, slots=True)
class Graded:
    """A run to grade."""

    prepared: Prepared
    job_attempt: JobAttempt
    output: Any
    """The validated result."""
    journal: Journal
    recorder: Recorder

    @property
    def skill(self) -> Skill:
        """The skill whose graders run."""
        return self.prepared.skill

    @property
    def case(self) -> Case | None:
        """The case of an eval suite; none for a live run."""
        return self.prepared.case


def verdict_of(grader: Grader, **fields: Any) -> Verdict:
    """Return a verdict of the grader."""
    return Verdict(grader.name, grader.kind, grader.weight, **fields)
