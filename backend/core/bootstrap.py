"""Start a process of Puras Studio: import its modules without garbage collection, then run it."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from backend.core.errors import PurasError, Unavailable
from backend.core.optional_packages import missing

CANNOT_START: Final = 78
"""Exit code of a process that cannot start until its settings or its servers are changed: `EX_CONFIG` of sysexits.h."""
TRY_AGAIN: Final = 75
"""Exit code of a process that can start as soon as another one responds: `EX_TEMPFAIL` of sysexits.h."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a process runs: the module with its `main`, and packages that its libraries must not import.

    The module that starts the process with `python -m` has it as `PROGRAM`.
    """

    module: str
    without: tuple[str, ...] = ()

    def load(self) -> Any:
        """Return the module, imported as by `load`."""
        return load(self.module, without=self.without)

    def run(self) -> int:
        """Load the module, run its `main`, and return its exit code."""
        return run_main(self.module, without=self.without)


def program_of(entry: str) -> Program:
    """Return the program that `python -m entry` runs."""
    program: Program = importlib.import_module(entry).PROGRAM
    return program


def preload(entries: Sequence[str]) -> None:
    """Import the modules of programs that will run in forks of this process.

    A module that cannot be imported is left out: the process that needs it reports the error at its start.
    """
    for entry in entries:
        with suppress(Exception):
            program_of(entry).load()


def run_main(module: str, *, without: Sequence[str] = ()) -> int:
    """Load the module, run its `main`, and return its exit code."""
    imported = load(module, without=without)
    try:
        code: int = imported.main()
    except PurasError as error:  # the operator corrects the cause: no traceback
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return TRY_AGAIN if isinstance(error, Unavailable) else CANNOT_START
    return code


def load(module: str, *, without: Sequence[str] = ()) -> Any:
    """Return the module, imported as if the packages of `without` were not installed.

    The garbage collector is off during the import: it takes a fifth of the start, and finds nothing. All imported
    objects live as long as the process, so they are frozen, and later collections skip them too.
    """
    gc.disable()
    try:
        with missing(*without):
            return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()
