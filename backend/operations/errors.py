"""What can keep an operator's command from doing its work."""

from __future__ import annotations

from pathlib import Path

from backend.errors import Conflict, PurasError


class AlreadyUp(Conflict):
    """Another `up` runs on this home."""

    code = "already_up"

    def __init__(self, home: Path, pid: str) -> None:
        super().__init__(
            f"Another `puras-studio up` (process {pid}) runs on {home}. Stop that one, or give this one a home and a "
            "port of its own with PURAS_HOME and PURAS_PORT."
        )


class PortTaken(Conflict):
    """Another program listens where the instance should."""

    code = "port_taken"

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"Port {port} of {host} cannot be used: {why}. Stop the program that has it, or choose another one with "
            "PURAS_PORT.",
            port=port,
        )


class DatabaseAway(PurasError):
    """The database does not answer, or is not one of ours."""

    code = "database_away"


class NotMigrated(PurasError):
    """The database does not have the tables of this release."""

    code = "not_migrated"

    def __init__(self) -> None:
        super().__init__("The database has not the tables of this release. Run `puras-studio migrate`.")


class DemoFailed(PurasError):
    """The demo's project could not be set up, or its first job did not succeed."""

    code = "demo_failed"
