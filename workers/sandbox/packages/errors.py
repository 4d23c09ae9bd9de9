"""Define the errors of the installation of packages."""

from __future__ import annotations

from backend.core.errors import Invalid


class RequirementsRefused(Invalid):
    """The requirements.txt has lines that are not plain packages of the index."""

    code = "environment_failed"


class EnvironmentFailed(Invalid):
    """The packages of the requirements.txt could not be installed."""

    code = "environment_failed"

    def __init__(self, detail: str, log: str = "") -> None:
        super().__init__(detail)
        self.log = log


class WheelsMissing(EnvironmentFailed):
    """Packages have no wheel for this version of Python and this host."""

    def __init__(self, names: list[str], log: str = "") -> None:
        super().__init__(f"There is no wheel of {', '.join(names)} for this Python and platform.", log)
        self.names = names
