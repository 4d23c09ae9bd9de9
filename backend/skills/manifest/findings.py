"""Collect the problems of a bundle, so that all of them are reported together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from backend.core.errors import Invalid, Problem

MAX_PROBLEMS = 200  # enough for an author, and a limit for the response to a malicious bundle
MAX_CHARACTERS = 1_000
MAX_S = 30.0  # ordinary bundles take milliseconds


class BundleInvalid(Invalid):
    """The bundle has problems. The body lists them with their paths."""

    code = "bundle_invalid"

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem] = ()) -> None:
        first = problems[0]
        place = first.path if first.line is None else f"{first.path}:{first.line}"
        more = f" {len(problems) - 1} more in 'errors'." if len(problems) > 1 else ""
        super().__init__(
            f"The bundle has {len(problems)} {'problem' if len(problems) == 1 else 'problems'}; "
            f"the first is in {place}: {first.message}{more}",
            problems,
            warnings=[warning.as_body() for warning in warnings],
        )
        self.warnings = tuple(warnings)


@dataclass(slots=True)
class Findings:
    """Collected errors and warnings; reading continues after each of them."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    _late_at: float = field(default_factory=lambda: time.monotonic() + MAX_S)

    @property
    def is_late(self) -> bool:
        """Return whether reading has exceeded its time limit."""
        return time.monotonic() > self._late_at

    def error(self, problem: Problem) -> None:
        """Add an error, once."""
        _add(self.errors, problem)

    def warn(self, problem: Problem) -> None:
        """Add a warning about something that is valid but probably not intended."""
        _add(self.warnings, problem)

    def raise_if_wrong(self) -> None:
        """Reject the bundle if there are errors.

        Raises:
            BundleInvalid: with all problems.
        """
        if self.errors:
            in_order = sorted(
                self.errors, key=lambda problem: (problem.path, problem.line or 0, problem.column or 0)
            )
            raise BundleInvalid(in_order, self.warnings)


def _add(found: list[Problem], problem: Problem) -> None:
    if len(problem.message) > MAX_CHARACTERS:
        problem = replace(problem, message=problem.message[: MAX_CHARACTERS - 1] + "…")
    if len(found) < MAX_PROBLEMS and problem not in found:
        found.append(problem)
