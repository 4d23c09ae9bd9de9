"""Errors of hosts that cannot confine a process.

PurasError
├── SandboxUnavailable    503  this machine lacks a layer that the settings demand
└── SandboxMisplaced      500  the instance's folders are where the sandbox would open them
"""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import PurasError, Unavailable


class SandboxUnavailable(Unavailable):
    """This machine lacks a layer of the sandbox that the settings demand."""

    code = "sandbox_unavailable"


class SandboxMisplaced(PurasError):
    """The instance's folders are where the sandbox would make them readable for all jobs."""

    code = "sandbox_misplaced"

    def __init__(self, readable: Path, jobs: Path) -> None:
        super().__init__(
            f"Jobs may read {str(readable)!r}, and the folder of all jobs {str(jobs)!r} lies inside it, so that every "
            "job could read the files of the others. Set PURAS_HOME to a folder outside of it.",
            readable=str(readable),
            jobs=str(jobs),
        )
