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
