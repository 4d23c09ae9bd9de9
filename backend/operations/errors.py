"""Errors of the commands of operators."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, PurasError, field
from backend.identity.auth.errors import ProjectNotFound


class AlreadyUp(Conflict):
    """Another `up` uses this home."""

    code = "already_up"
    message = (
        "Another `puras-studio up` (process {pid}) runs on {home}. Stop it, or set PURAS_HOME and PURAS_PORT to "
        "another home and port."
    )
    home: Path = field(in_body=False)
    pid: str = field(in_body=False)


class PortTaken(Conflict):
    """Another program uses the port."""

    code = "port_taken"
    message = (
        "Port {port} of {host} cannot be used: {why}. Stop the program that uses it, or choose another port with "
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
    message = "The database does not have the tables of this release. Run `puras-studio migrate`."


class NoDemoProject(PurasError):
    """The home contains no API key of a demo project."""

    code = "no_demo_project"
    message = (
        "The API key of the demo project cannot be read from {file}: {why}. Start the instance with "
        "`make run` or `puras-studio up --demo`, and wait until it is ready. If its data is in another folder, set "
        "PURAS_HOME to that folder."
    )
    file: Path = field(in_body=False)
    why: str = field(in_body=False)


class NoSuchProject(ProjectNotFound):
    """The project that a command names does not exist."""

    message = (
        "The project {project!r} does not exist. To list all projects, including deleted ones, run "
        "`puras-studio project list`."
    )


class NoDeletedProject(ProjectNotFound):
    """The project that `undelete` names is not deleted, or its data was purged."""

    message = (
        "No deleted project has the ID or slug {project!r}. List the projects that can be restored with `puras-studio "
        "project list`. If several projects had the slug, use the ID."
    )


class NewerDatabase(Conflict):
    """The database has the tables of a newer release."""

    code = "newer_database"
    message = (
        "The database has revision {revision!r} of a newer release, which this release does not know. Start the newer "
        "release. Or run `puras-studio migrate --to REVISION` of the newer release with the revision of this release, "
        "which is in its changelog, then start this release."
    )
    revision: str


class NoSuchRevision(Conflict):
    """The database has no such older revision."""

    code = "no_such_revision"
    revision: str = field(in_body=False)
    current: str | None
    older: list[str]

    def describe(self) -> str:
        """Return the detail of the error."""
        known = f"Older revisions: {', '.join(self.older)}." if self.older else "It has no older revision."
        return (
            f"The database cannot be migrated back to revision {self.revision!r}: its revision is {self.current!r}. "
            f"{known}"
        )


class DemoFailed(PurasError):
    """The demo project could not be created, or its first job did not succeed."""

    code = "demo_failed"
