"""Errors of hosts that cannot confine a process."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import PurasError, Unavailable


class SandboxUnavailable(Unavailable):
    """This machine lacks a layer of the sandbox that the settings demand."""

    code = "sandbox_unavailable"


class SandboxMisplaced(PurasError):
    """The instance's folders are where the sandbox would make them readable for all jobs."""

    code = "sandbox_misplaced"
    message = (
        "Jobs may read {readable!r}, and the folder of all jobs {jobs!r} lies inside it, so that every job could "
        "read the files of the others. Set PURAS_HOME to a folder outside of it."
    )
    readable: Path
    jobs: Path
