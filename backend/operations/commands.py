"""Load and run the operator's commands of `puras-studio`."""

from __future__ import annotations

import importlib
import resource
import sys
from typing import Annotated

import typer

from backend.core import version as release
from backend.core.errors import PurasError
from backend.operations.command_table import COMMANDS_BY_MODULE, MODULES_WITHOUT_TABLES


def main() -> int:
    """Run the command. An error that the operator can fix is one message on stderr and exit code 1."""
    _disable_core_dumps()
    try:
        commands(*sys.argv[1:])()
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return 1
    return 0


def commands(*arguments: str) -> typer.Typer:
    """Return the application with the command that the arguments name, else with a list of all commands."""
    app = typer.Typer(
        name="puras-studio",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # otherwise errors and help import Rich
    )
    app.callback()(_root)
    module = next(
        (module for word in arguments for module, names in COMMANDS_BY_MODULE.items() if word in names), None
    )
    if module is None:
        _list(app)
        return app
    if module not in MODULES_WITHOUT_TABLES:
        # Foreign keys refer to tables that the module may not import.
        importlib.import_module("backend.tables")
    importlib.import_module(f"backend.operations.{module}").register(app)
    return app


def _list(app: typer.Typer) -> None:
    """Add each command's name and help, for arguments that run none of them."""
    for names in COMMANDS_BY_MODULE.values():
        for name, help_text in names.items():
            app.command(name, help=help_text)(_nothing)


def _nothing() -> None:
    """Do nothing: this list is for the help only, because a command's name among the arguments loads its module."""


def _print_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"puras-studio {release.version()}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Operate an instance of Puras Studio."""


def _disable_core_dumps() -> None:
    """Disable core dumps of this process and its children, since their memory contains keys and secrets."""
    _, hard_limit = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard_limit))
