"""How a process of ours begins. Whoever is asked to import a thousand modules should not look for garbage meanwhile."""

from __future__ import annotations

import gc
import importlib


def begin(module: str) -> int:
    """Import the module, then run its `main`, and give its exit code.

    Nothing that is imported becomes garbage, yet to look for some takes a fifth of a start; and all of it lives as long
    as the process, so that later looks pass it over, too.
    """
    gc.disable()
    imported = importlib.import_module(module)
    gc.freeze()
    gc.enable()
    code: int = imported.main()
    return code
