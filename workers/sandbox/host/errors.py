"""What can go wrong between a sandbox and the start of the function of a job.

PurasError
├── EntrypointRefused     422  the skill cannot be imported
└── ParentLost            503  the warm parent ended before the job started
"""

from __future__ import annotations

from typing import Any, Final

from backend.core.errors import Invalid, Unavailable

from .output import Output

_LEFT: Final = ("threads", "processes", "connections")
"""What an import may leave behind that no fork survives."""
_MANY: Final = 1_000_000  # a number above it is no count


class EntrypointRefused(Invalid):
    """The skill's file cannot be imported, or has no such function."""

    code = "bad_entrypoint"

    def __init__(self, detail: str, trace: str = "", output: Output | None = None) -> None:
        super().__init__(detail)
        self.trace = trace
        self.output = output
        """What the import printed."""


class ParentLost(Unavailable):
    """The warm parent ended before the job began; another one can be tried."""

    code = "crashed"


class NotForkable(Exception):
    """The import left threads, processes or connections behind, which a fork would break: each job imports anew."""

    def __init__(self, told: dict[str, Any]) -> None:
        left = [word for word in _LEFT if told.get(word)]
        counted = " and ".join(
            f"{told[word]} {word}" for word in left if isinstance(told[word], int) and 0 < told[word] < _MANY
        )
        super().__init__(
            f"importing the skill left {counted or 'something'} running, so that every job imports it anew"
        )
        self.kind = left[0] if left else "something"
        """What it left behind, in one word."""
