"""Define the errors between the start of a sandbox and the start of the function of a job.

PurasError
├── EntrypointRefused     422  the skill cannot be imported
└── ZygoteLost            503  the zygote ended before the job started
"""

from __future__ import annotations

from typing import Any, Final

from backend.core.errors import Invalid, Unavailable

from .output import Output

_LEFTOVERS: Final = ("threads", "processes", "connections")
"""Things that an import may leave running, and that a fork would break."""
_MAX_COUNT: Final = 1_000_000  # a larger number is not a count


class EntrypointRefused(Invalid):
    """The skill's file cannot be imported, or has no such function."""

    code = "bad_entrypoint"

    def __init__(self, detail: str, trace: str = "", output: Output | None = None) -> None:
        super().__init__(detail)
        self.trace = trace
        self.output = output
        """The output of the import."""


class ZygoteLost(Unavailable):
    """The zygote ended before the job started; the job can use another one."""

    code = "crashed"


class NotForkable(Exception):
    """The import left threads, processes or connections behind, which a fork would break.

    Each job imports the skill again.
    """

    def __init__(self, report: dict[str, Any]) -> None:
        leftovers = [name for name in _LEFTOVERS if report.get(name)]
        counted = " and ".join(
            f"{report[name]} {name}"
            for name in leftovers
            if isinstance(report[name], int) and 0 < report[name] < _MAX_COUNT
        )
        super().__init__(
            f"the import of the skill left {counted or 'something'} running, so that every job imports it "
            "again"
        )
        self.kind = leftovers[0] if leftovers else "something"
        """The things that it left running, as one word."""
