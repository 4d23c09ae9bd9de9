"""What graders say of one run, and what that comes to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

SURE: Final = 0.999
"""A check that says nothing of whether it passed has, from this score on."""
RUBRIC_PASSES: Final = 0.7
MAX_DETAIL: Final = 2_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one grader says of one run."""

    name: str
    kind: str
    weight: float = 1.0
    score: float = 0.0
    """0 to 1."""
    passed: bool = False
    skipped: bool = False
    """It had nothing to judge by: it counts neither for the run nor against it."""
    detail: str = ""
    label: str = ""
    """`rehearsal` or `recording` where no language model judged; empty otherwise."""

    def as_facts(self) -> dict[str, Any]:
        """As events and reports tell it."""
        facts: dict[str, Any] = {
            "name": self.name,
            "kind": self.kind,
            "weight": self.weight,
            "score": None if self.skipped else self.score,
            "passed": None if self.skipped else self.passed,
            "skipped": self.skipped,
            "detail": self.detail[:MAX_DETAIL],
        }
        return {**facts, "label": self.label} if self.label else facts


@dataclass(frozen=True, slots=True)
class Scored:
    """What all graders together say of one run."""

    score: int | None
    """0 to 100; none when every grader was skipped."""
    passed: bool
    """At least one grader judged, and all that did have passed it."""
    graders: tuple[Verdict, ...]

    def as_facts(self) -> dict[str, Any]:
        """As the event `evals` tells it, and as it is stored with the job."""
        graders = [verdict.as_facts() for verdict in self.graders]
        return {"score": self.score, "passed": self.passed, "graders": graders}


def scored(verdicts: Sequence[Verdict]) -> Scored:
    """The mean of the scores by their weights, in percent; graders that were skipped are left out."""
    judged = [verdict for verdict in verdicts if not verdict.skipped]
    if not judged:
        return Scored(None, passed=False, graders=tuple(verdicts))
    weight = sum(verdict.weight for verdict in judged)
    mean = sum(verdict.weight * verdict.score for verdict in judged) / weight
    passed = all(verdict.passed for verdict in judged)
    return Scored(math.floor(mean * 100 + 0.5), passed=passed, graders=tuple(verdicts))
