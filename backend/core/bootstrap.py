"""How a process of ours begins. Whoever is asked to import a thousand modules should not look for garbage meanwhile."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Sequence
from typing import Any, Final

from backend.core.errors import PurasError, Unavailable
from backend.core.optional_packages import missing

CANNOT_START: Final = 78
"""Exit code of a process that cannot start until its settings or its servers are changed; `EX_CONFIG` of sysexits.h."""


def begin(module: str, *, without: Sequence[str] = ()) -> int:
    """Load the module, then run its `main`, and return its exit code."""
    imported = load(module, without=without)
    try:
        code: int = imported.main()
    except PurasError as error:  # an operator's to correct: a sentence, and no traceback
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return 1 if isinstance(error, Unavailable) else CANNOT_START
    return code


def load(module: str, *, without: Sequence[str] = ()) -> Any:
    """Return the module, imported as if the packages of `without` were not installed.

    Nothing that is imported becomes garbage, yet to look for some takes a fifth of a start; and all of it lives as long
    as the process, so that later looks pass it over, too.
    """
    gc.disable()
    with missing(*without):
        imported = importlib.import_module(module)
    gc.freeze()
    gc.enable()
    return imported
