"""The operator's commands, each in the part that has it."""

from __future__ import annotations

import importlib
import resource
import sys
from collections.abc import Mapping
from typing import Annotated, Final

import typer

from backend.core import version as release
from backend.core.errors import PurasError

PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "up": {"up": "Run the whole instance in the foreground: databases, API, studio and workers."},
    "serve_commands": {
        "api": "Serve the API and the studio of an instance whose databases run.",
        "worker": "Run worker processes for an instance whose databases run.",
    },
    "maintenance_commands": {
        "migrate": "Bring the database to the tables of this release, or back to those of the one before.",
        "doctor": "Say what is wrong with this instance and what to do; exit code 1 when something is.",
        "setup-link": "Print a new one-time link that makes its reader the owner; earlier ones stop working.",
    },
    "user_commands": {"project": "Projects.", "user": "People."},
    "money_commands": {
        "topup": "Put money into a project's wallet.",
        "audit": "Prove that the books add up, row by row; exit code 1 when they do not.",
    },
    "backup.commands": {
        "backup": "Write all of this instance into one file, while it runs: database, bundles, drives.",
        "restore": "Bring an empty home, or an empty DATABASE_URL, to life from a backup: all of it or nothing.",
    },
    "deletion_commands": {
        "retention": "Remove now what is older than the settings keep; a running instance does it by itself, "
        "every hour."
    },
    "secret_keys": {"secrets": "The key that protects secrets at rest."},
}
"""Where each command is, with its line of the help: only the part of the requested command is imported."""
TABLELESS: Final = ("up", "serve_commands")
"""Parts that need no table of their own."""


def main() -> int:
    """Run the command; an error that a person can mend is one sentence on stderr and exit code 1."""
    _leave_no_core()
    try:
        commands(*sys.argv[1:])()
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return 1
    return 0


def commands(*arguments: str) -> typer.Typer:
    """Return the command line for these arguments: the part of the command that they name, else a list of all."""
    app = typer.Typer(
        name="puras-studio", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_root)
    part = next((part for word in arguments for part, names in PARTS.items() if word in names), None)
    if part is None:
        _list(app)
        return app
    if part not in TABLELESS:
        importlib.import_module("backend.tables")  # rows refer to tables that their own part may not name
    importlib.import_module(f"backend.operations.{part}").register(app)
    return app


def _list(app: typer.Typer) -> None:
    """Add each command's name and help, for arguments that run none of them."""
    for names in PARTS.values():
        for name, line in names.items():
            app.command(name, help=line)(_nothing)


def _nothing() -> None:
    """Do nothing: only a name among the arguments leads to a command, and the part of that name is loaded then."""


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"puras-studio {release.version()}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Operate an instance of Puras Studio."""


def _leave_no_core() -> None:
    """A crash of ours, or of a process below, writes no file of its memory: there are keys and secrets in it."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
