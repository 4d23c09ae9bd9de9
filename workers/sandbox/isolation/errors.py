"""Define the errors of hosts that cannot confine a process."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import PurasError, Unavailable


class SandboxUnavailable(Unavailable):
    """The host lacks a layer of the sandbox that the settings require."""

    code = "sandbox_unavailable"


class SandboxMisplaced(PurasError):
    """The sandbox would give every job access to the folders of the instance."""

    code = "sandbox_misplaced"
    message = (
        "Jobs may read {readable!r}, which contains the folder of all jobs, {jobs!r}, so that every job "
        "could read the files of the others. Set PURAS_HOME to a folder outside of it."
    )
    readable: Path
    jobs: Path
