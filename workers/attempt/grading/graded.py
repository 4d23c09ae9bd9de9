"""A run that is to be judged, and the form of a verdict on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.evals.case_of_job import Case
from backend.evals.scores import Verdict
from backend.execution.jobs.claim import JobAttempt
from backend.skills.manifest.types import Grader, Skill
from workers.agent.journal import Journal
from workers.attempt.types import Prepared
from workers.types import Recorder


@dataclass(frozen=True, slots=True)
class Graded:
    """A run that is to be judged."""

    prepared: Prepared
    claimed: JobAttempt
    output: Any
    """The result, as it was checked."""
    journal: Journal
    recorder: Recorder

    @property
    def skill(self) -> Skill:
        """Whose graders judge."""
        return self.prepared.skill

    @property
    def case(self) -> Case | None:
        """The case of a suite that the run is of; none: a live run."""
        return self.prepared.case


def verdict_of(grader: Grader, **facts: Any) -> Verdict:
    """A verdict of that grader."""
    return Verdict(grader.name, grader.kind, grader.weight, **facts)
