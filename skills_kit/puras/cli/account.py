"""The commands `puras login`, `logout` and `whoami`: select the instance and the API key."""

from __future__ import annotations

import sys
from argparse import Namespace
from getpass import getpass
from typing import Any, Final
from urllib.parse import urlsplit

from puras.cli import exits, printing
from puras.cli.exits import UsageProblem
from puras.cli.session import Session, command
from puras.client import Client, connecting

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def add(commands: Any) -> None:
    """Add the commands."""
    login = command(
        commands,
        "login",
        _login,
        "Save the URL of an instance and an API key.",
        "puras login --api-base https://studio.example.com",
    )
    login.add_argument("--key", help="the API key; `-` reads it from stdin; default: the command asks for it")
    command(commands, "logout", _logout, "Delete the saved URL and API key.", "puras logout")
    command(commands, "whoami", _whoami, "Show the project of the API key and its balance.", "puras whoami")


def _login(arguments: Namespace, session: Session) -> int:
    base = (arguments.api_base or connecting.base()).rstrip("/")
    key = _requested_key(arguments.key, base)
    client = _client(key, base)
    me = client.request("GET", "/v1/me")
    if urlsplit(base).scheme == "http" and urlsplit(base).hostname not in _LOCAL:
        printing.say(
            f"Warning: the connection to {base} is not encrypted. Others on the network can read the key."
        )
    connecting.write({"api_base": base, "api_key": key})
    values = {
        "api_base": base,
        "key": connecting.shown(key),
        "project_id": me["project_id"],
        "kind": me["kind"],
    }
    session.show(values, lambda: printing.answer(f"Logged in to {base} with {connecting.shown(key)}"))
    return exits.OK


def _logout(arguments: Namespace, session: Session) -> int:
    connecting.path().unlink(missing_ok=True)
    session.show({"logged_out": True}, lambda: printing.answer("Logged out."))
    return exits.OK


def _whoami(arguments: Namespace, session: Session) -> int:
    client = session.client
    me = client.request("GET", "/v1/me")
    balance = client.request("GET", "/v1/billing/balance") if me["kind"] == "secret_key" else {}
    key = connecting.shown(connecting.place(api_base=arguments.api_base).key)
    project: dict[str, Any] = next((one for one in me["projects"] if one["id"] == me["project_id"]), {})
    values = {
        "api_base": client.api_base,
        "key": key,
        "kind": me["kind"],
        "project_id": me["project_id"],
        "project": project.get("name"),
        "balance_micros": balance.get("balance_micros"),
        "available_micros": balance.get("available_micros"),
    }

    def text() -> None:
        printing.answer(f"instance  {client.api_base}")
        printing.answer(f"project   {printing.plain(project.get('name') or me['project_id'])}")
        printing.answer(f"key       {key}  ({me['kind'].replace('_', ' ')})")
        if balance:
            printing.answer(f"balance   {printing.dollars(balance['balance_micros'])}")

    session.show(values, text)
    return exits.OK


def _requested_key(given: str | None, base: str) -> str:
    if given == "-":
        given = sys.stdin.readline()
    elif given is None:
        if not sys.stdin.isatty():
            raise UsageProblem(
                "The API key is missing. Pass it with --key KEY, or with --key - to read it from stdin."
            )
        given = getpass(f"API key for {base} (create one in the studio under Settings, API keys): ")
    key = given.strip()
    if not key:
        raise UsageProblem("The API key is empty. Create one in the studio under Settings, API keys.")
    return key


def _client(key: str, base: str) -> Client:
    try:
        return Client(key, api_base=base, retries=3)
    except ValueError as error:
        raise UsageProblem(str(error)) from error
