"""Activate a package environment inside a process that is already confined.

A sandbox starts with the interpreter that the worker itself runs on, which no tenant can change. The interpreter of an
environment would read `pyvenv.cfg` before our first instruction, and packages can write that file.
"""

# ruff: noqa: PTH118
# (runs before a job; pathlib costs)

from __future__ import annotations

import os
import site
import sys
from _frozen_importlib_external import PathFinder

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Final

STANDARD: Final = frozenset(
    (
        *(
            "array",
            "collections",
            "contextlib",
            "copyreg",
            "enum",
            "functools",
            "importlib",
            "json",
            "keyword",
        ),
        *("math", "operator", "re", "reprlib", "selectors", "signal", "socket", "typing", "warnings"),
    )
)
"""Modules that the rest of the standard library imports, and that files of a skill must not replace."""
_LIBRARY: Final = list(sys.path)


class StandardLibrary:
    """Finds these modules in the standard library, although the folder of the skill comes first in the path.

    A file `keyword.py` of a skill would otherwise break the import of `collections`.
    """

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the module is; none for all others."""
        return PathFinder.find_spec(name, _LIBRARY, target) if name in STANDARD else None


def import_standard() -> None:
    """Import these modules where each child imports its skill: it may be unable to read the standard library."""
    for name in STANDARD:
        __import__(name)


def become(prefix: str) -> None:
    """Make this process equivalent to the environment's interpreter, except for the standard library.

    Runs code of the environment's packages (`.pth` files, `sitecustomize`): the process must be confined before.

    Args:
        prefix: Folder of the environment; empty for the interpreter without packages.
    """
    if not prefix:
        site.setquit()
        return
    sys.executable = os.path.join(prefix, "bin", "python")
    sys.prefix = sys.exec_prefix = prefix
    site.main()
