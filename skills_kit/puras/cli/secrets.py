"""The commands `puras secrets set`, `ls` and `rm`: write-only values that skills read as environment variables."""

from __future__ import annotations

import sys
from argparse import Namespace
from getpass import getpass
from typing import Any
from urllib.parse import quote

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command, confirmed, group, of_an_environment


def add(commands: Any) -> None:
    """Add the commands."""
    secrets = group(
        commands, "secrets", "Set, list and delete secrets. Their values cannot be read.", "puras secrets ls"
    )
    put = command(
        secrets, "set", _set, "Set a secret of the project or of a skillpack.", "puras secrets set SHOP_TOKEN"
    )
    put.add_argument(
        "name",
        metavar="NAME[=VALUE]",
        help="the name, or name and value; without a value, the command asks for it or reads it from stdin",
    )
    ls = command(secrets, "ls", _list, "List the names of the secrets.", "puras secrets ls")
    rm = command(secrets, "rm", _delete, "Delete a secret.", "puras secrets rm SHOP_TOKEN")
    rm.add_argument("name", help="name of the secret")
    rm.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    for parser in (put, ls, rm):
        parser.add_argument(
            "--skillpack",
            "--app",
            metavar="SLUG",
            help="only for this skillpack, where it replaces a secret of the project with the same name",
        )
        of_an_environment(
            parser, "the value of this environment; default: the shared value, or the environment of the key"
        )


def _set(arguments: Namespace, session: Session) -> int:
    name, separator, value = arguments.name.partition("=")
    if not separator:
        value = getpass(f"Value of {name}: ") if sys.stdin.isatty() else sys.stdin.read().removesuffix("\n")
    if not value:
        raise UsageProblem(f"The value of {name} is empty. Pass it as NAME=VALUE, or write it to stdin.")
    body = {"name": name, "value": value}
    if arguments.environment:
        body["environment"] = arguments.environment
    saved = session.client.request("PUT", _route(arguments), body=body)
    session.show(
        saved, lambda: printing.answer(f"Saved the secret {printing.plain(saved['name'])}. New jobs use it.")
    )
    return exits.OK


def _list(arguments: Namespace, session: Session) -> int:
    found = session.client.request("GET", _route(arguments), query={"environment": arguments.environment})
    rows = [(one["name"], one["updated_at"][:16].replace("T", " ")) for one in found]
    session.show(found, lambda: printing.table(("NAME", "UPDATED"), rows))
    return exits.OK


def _delete(arguments: Namespace, session: Session) -> int:
    confirmed(f"Delete the secret {arguments.name}?", yes=arguments.yes)
    path = f"{_route(arguments)}/{quote(arguments.name, safe='')}"
    session.client.request("DELETE", path, query={"environment": arguments.environment})
    session.show(
        {"deleted": arguments.name},
        lambda: printing.answer(f"Deleted the secret {printing.plain(arguments.name)}."),
    )
    return exits.OK


def _route(arguments: Namespace) -> str:
    if arguments.skillpack:
        return f"/v1/skillpacks/{quote(arguments.skillpack, safe='')}/secrets"
    return "/v1/secrets"
