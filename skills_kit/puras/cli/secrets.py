"""`puras secrets set`, `ls`, `rm`: write-only values that skills get as environment variables."""

from __future__ import annotations

import sys
from argparse import Namespace
from getpass import getpass
from typing import Any
from urllib.parse import quote

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, confirmed, group


def add(commands: Any) -> None:
    """Add these commands."""
    secrets = group(commands, "secrets", "Set, list and remove secrets; nobody can read them back.")
    put = command(secrets, "set", _set, "Set a secret of the project, or of a skillpack.")
    put.add_argument(
        "name", metavar="NAME[=VALUE]", help="without a value it is asked for, or read from stdin"
    )
    ls = command(secrets, "ls", _list, "List the names of the secrets.")
    rm = command(secrets, "rm", _delete, "Remove a secret.")
    rm.add_argument("name", help="its name")
    rm.add_argument("-y", "--yes", action="store_true", help="without asking")
    for parser in (put, ls, rm):
        parser.add_argument(
            "--skillpack",
            "--app",
            metavar="SLUG",
            help="of this skillpack alone, where it goes before the project's",
        )


def _set(arguments: Namespace, session: Session) -> int:
    name, separator, value = arguments.name.partition("=")
    if not separator:
        value = getpass(f"Value of {name}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    if not value:
        raise UsageProblem("The value is empty.")
    told = session.client.request("PUT", _route(arguments), body={"name": name, "value": value})
    session.show(
        told, lambda: printing.answer(f"Set {printing.plain(told['name'])}. Jobs get it from now on.")
    )
    return exits.OK


def _list(arguments: Namespace, session: Session) -> int:
    told = session.client.request("GET", _route(arguments))
    rows = [(one["name"], one["updated_at"][:16].replace("T", " ")) for one in told]
    session.show(told, lambda: printing.table(("NAME", "SET"), rows))
    return exits.OK


def _delete(arguments: Namespace, session: Session) -> int:
    confirmed(f"Remove the secret {arguments.name}?", yes=arguments.yes)
    session.client.request("DELETE", f"{_route(arguments)}/{quote(arguments.name, safe='')}")
    session.show(
        {"deleted": arguments.name}, lambda: printing.answer(f"Removed {printing.plain(arguments.name)}.")
    )
    return exits.OK


def _route(arguments: Namespace) -> str:
    if arguments.skillpack:
        return f"/v1/skillpacks/{quote(arguments.skillpack, safe='')}/secrets"
    return "/v1/secrets"
