"""What can keep an operator's command from doing its work."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, Missing, PurasError
from backend.identity.auth.errors import ProjectNotFound


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
        self.why = why


class DatabaseAway(PurasError):
    """The database does not answer, or is not one of ours."""

    code = "database_away"


class NotMigrated(PurasError):
    """The database does not have the tables of this release."""

    code = "not_migrated"

    def __init__(self) -> None:
        super().__init__("The database has not the tables of this release. Run `puras-studio migrate`.")


class NoSuchProject(ProjectNotFound):
    """The project that a command names does not exist."""

    def __init__(self, project: str) -> None:
        Missing.__init__(
            self,
            f"There is no project {project!r}. List them, the deleted ones as well: `puras-studio project list`.",
            project=project,
        )


class NoDeletedProject(ProjectNotFound):
    """The project that `undelete` names is not a deleted one, or nothing of it is left."""

    def __init__(self, project: str) -> None:
        Missing.__init__(
            self,
            f"There is no deleted project {project!r}. List those that can be restored: `puras-studio project list`. "
            "With the slug of several, give the id.",
            project=project,
        )


class NewerDatabase(Conflict):
    """The database was brought to the tables of a newer release than this one."""

    code = "newer_database"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The database is at revision {revision!r}, which this release does not know: a newer release has been "
            "here. Start that one; or, with that one, run `puras-studio migrate --to` the revision of this release "
            "(its changelog names it), then start this one again.",
            revision=revision,
        )


class NoSuchRevision(Conflict):
    """There is no such older revision to go back to."""

    code = "no_such_revision"

    def __init__(self, revision: str, current: str | None, older: list[str]) -> None:
        known = f"Older ones are: {', '.join(older)}." if older else "There is none before it."
        super().__init__(
            f"The database cannot go back to revision {revision!r}: it is at {current!r}. {known}",
            current=current,
            older=older,
        )


class DemoFailed(PurasError):
    """The demo's project could not be set up, or its first job did not succeed."""

    code = "demo_failed"
