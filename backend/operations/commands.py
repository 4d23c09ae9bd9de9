"""The operator's commands, each in the part that has it."""

from __future__ import annotations

import importlib
import resource
import sys
from typing import Final

import typer

from backend.errors import PurasError

PARTS: Final = {
    "serving": ("up", "api", "worker"),
    "upkeep": ("migrate", "doctor", "setup-link"),
    "people": ("project", "user"),
    "books": ("topup", "audit"),
    "keeping.commands": ("backup", "restore"),
    "departures": ("retention",),
    "secret_keys": ("secrets",),
}
"""Where each command is: the part of the one that is asked for is imported, and not what only the others need."""


def main() -> int:
    """Run the command; an error that a person can mend is one sentence on stderr and exit code 1."""
    _leave_no_core()
    try:
        commands(*sys.argv[1:2])()
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return 1
    return 0


def commands(asked: str = "") -> typer.Typer:
    """The command line with the part that has the command; with all parts when none has it."""
    app = typer.Typer(
        name="puras-studio", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    app.callback()(_root)
    if asked not in PARTS["serving"]:
        importlib.import_module("backend.tables")  # rows refer to tables that their own part may not name
    for part in [part for part, names in PARTS.items() if asked in names] or PARTS:
        importlib.import_module(f"backend.operations.{part}").register(app)
    return app


def _root() -> None:
    """Run and look after an instance of Puras Studio."""


def _leave_no_core() -> None:
    """A crash of ours, or of a process below, writes no file of its memory: there are keys and secrets in it."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
