"""Combine the verdicts of graders on one run into a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

PASSING_SCORE: Final = 0.999
"""Minimum score with which a check has passed, if it does not decide that itself."""
RUBRIC_PASSING_SCORE: Final = 0.7
MAX_DETAIL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of one grader on one run."""

    name: str
    kind: str
    weight: float = 1.0
    score: float = 0.0
    """0 to 1."""
    passed: bool = False
    skipped: bool = False
    """It had nothing to score, and has no effect on the score of the run."""
    detail: str = ""
    label: str = ""
    """`rehearsal` or `recording` if no language model judged; otherwise empty."""

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as events and reports contain it."""
        fields: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "weight": self.weight,
            "score": None if self.skipped else self.score,
            "passed": None if self.skipped else self.passed,
            "skipped": self.skipped,
            "detail": self.detail[:MAX_DETAIL],
        }
        return {**fields, "label": self.label} if self.label else fields


@dataclass(frozen=True, slots=True)
class Scored:
    """The combined verdicts on one run."""

    score: int | None
    """0 to 100; None if every grader was skipped."""
    passed: bool
    """At least one grader judged, and all that judged passed it."""
    graders: tuple[Verdict, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return what the event `evals` contains and what is stored with the job."""
        graders = [verdict.as_dict() for verdict in self.graders]
        return {"score": self.score, "passed": self.passed, "graders": graders}


def combine(verdicts: Sequence[Verdict]) -> Scored:
    """Return the mean of the scores by weight, in percent; skipped graders are ignored."""
    judged = [verdict for verdict in verdicts if not verdict.skipped]
    if not judged:
        return Scored(None, passed=False, graders=tuple(verdicts))
    weight = sum(verdict.weight for verdict in judged)
    mean = sum(verdict.weight * verdict.score for verdict in judged) / weight
    passed = all(verdict.passed for verdict in judged)
    return Scored(math.floor(mean * 100 + 0.5), passed=passed, graders=tuple(verdicts))
