"""`puras-studio`: the operator's commands."""

from __future__ import annotations

import resource
import sys

import typer

from backend.errors import PurasError
from backend.operations import books, departures, people, secret_keys, serving, upkeep
from backend.operations.keeping import commands as keeping

app = typer.Typer(
    name="puras-studio",
    help="Run and look after an instance of Puras Studio.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
serving.register(app)
upkeep.register(app)
people.register(app)
books.register(app)
keeping.register(app)
departures.register(app)
secret_keys.register(app)


def main() -> int:
    """Run the command; an error that a person can mend is one sentence on stderr and exit code 1."""
    _leave_no_core()
    try:
        app()
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return 1
    return 0


def _leave_no_core() -> None:
    """A crash of ours, or of a process below, writes no file of its memory: there are keys and secrets in it."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


if __name__ == "__main__":
    sys.exit(main())
