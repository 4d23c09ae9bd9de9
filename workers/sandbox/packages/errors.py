"""Errors of the installation of packages."""

from __future__ import annotations

from backend.core.errors import Invalid


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
