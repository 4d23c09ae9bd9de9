"""Errors of the commands of operators."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, PurasError, field
from backend.identity.auth.errors import ProjectNotFound


class AlreadyUp(Conflict):
    """Another `up` uses this home."""

    code = "already_up"
    message = (
        "Another `puras-studio up` (process {pid}) runs on {home}. Stop that one, or give this one a home and a port "
        "of its own with PURAS_HOME and PURAS_PORT."
    )
    home: Path = field(in_body=False)
    pid: str = field(in_body=False)


class PortTaken(Conflict):
    """Another program uses the port."""

    code = "port_taken"
    message = (
        "Port {port} of {host} cannot be used: {why}. Stop the program that has it, or choose another one with "
        "PURAS_PORT."
    )
    host: str = field(in_body=False)
    port: int
    why: str = field(in_body=False)


class DatabaseUnreachable(PurasError):
    """The database is unavailable, or its version is not supported."""

    code = "database_unavailable"
    former_code = "database_away"


class NotMigrated(PurasError):
    """The database does not have the tables of this release."""

    code = "not_migrated"
    message = "The database has not the tables of this release. Run `puras-studio migrate`."


class NoDemoProject(PurasError):
    """The home contains no API key of a demo project."""

    code = "no_demo_project"
    message = (
        "The API key of the demo project cannot be read from {file}: {why}. Start the instance with "
        "`puras-studio up --demo`, and set PURAS_HOME to the home of that instance."
    )
    file: Path = field(in_body=False)
    why: str = field(in_body=False)


class NoSuchProject(ProjectNotFound):
    """The project that a command names does not exist."""

    message = (
        "There is no project {project!r}. List them, the deleted ones as well: `puras-studio project list`."
    )


class NoDeletedProject(ProjectNotFound):
    """The project that `undelete` names is not deleted, or its data was purged."""

    message = (
        "There is no deleted project {project!r}. List those that can be restored: `puras-studio project list`. With "
        "the slug of several, give the id."
    )


class NewerDatabase(Conflict):
    """The database has the tables of a newer release."""

    code = "newer_database"
    message = (
        "The database is at revision {revision!r}, which this release does not know: a newer release has been here. "
        "Start that one; or, with that one, run `puras-studio migrate --to` the revision of this release (its "
        "changelog names it), then start this one again."
    )
    revision: str


class NoSuchRevision(Conflict):
    """The database has no such older revision."""

    code = "no_such_revision"
    revision: str = field(in_body=False)
    current: str | None
    older: list[str]

    def describe(self) -> str:
        known = f"Older ones are: {', '.join(self.older)}." if self.older else "There is none before it."
        return (
            f"The database cannot go back to revision {self.revision!r}: it is at {self.current!r}. {known}"
        )


class DemoFailed(PurasError):
    """The project of the demo could not be created, or its first job did not succeed."""

    code = "demo_failed"
