"""What can go wrong around a job before its function runs.

PurasError
├── SandboxUnavailable    503  this machine lacks a layer that the settings demand
├── SandboxMisplaced      500  the instance's folders lie where the sandbox would open them
├── EntrypointRefused     422  the skill cannot be imported
├── ParentLost            503  the warm parent ended before the job began
├── RequirementsRefused   422  requirements.txt holds what is not allowed
└── EnvironmentFailed     422  the packages could not be installed
    └── WheelsMissing     422  some of them would have to be built
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from backend.core.errors import Invalid, PurasError, Unavailable

from .output import Output

_LEFT: Final = ("threads", "processes", "connections")
"""What an import may leave behind that no fork survives."""
_MANY: Final = 1_000_000  # a number above it is no count


class SandboxUnavailable(Unavailable):
    """This machine lacks a layer of the sandbox that the settings demand."""

    code = "sandbox_unavailable"


class SandboxMisplaced(PurasError):
    """The instance's folders lie where the sandbox would open them to every job."""

    code = "sandbox_misplaced"

    def __init__(self, readable: Path, jobs: Path) -> None:
        super().__init__(
            f"Jobs may read {str(readable)!r}, and the folder of all jobs {str(jobs)!r} lies inside it, so that every "
            "job could read the files of the others. Set PURAS_HOME to a folder outside of it.",
            readable=str(readable),
            jobs=str(jobs),
        )


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


class RequirementsRefused(Invalid):
    """A requirements.txt holds lines that are not plain packages of the index."""

    code = "environment_failed"


class EnvironmentFailed(Invalid):
    """The packages of a requirements.txt could not be installed."""

    code = "environment_failed"

    def __init__(self, detail: str, log: str = "") -> None:
        super().__init__(detail)
        self.log = log


class WheelsMissing(EnvironmentFailed):
    """Packages have no wheel for this Python and machine, and would have to be built."""

    def __init__(self, names: list[str], log: str = "") -> None:
        super().__init__(f"There is no wheel of {', '.join(names)} for this Python and machine.", log)
        self.names = names


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
