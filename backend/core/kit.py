"""Describe which package `puras` this process and its jobs use.

Another project, `puras`, installs a package and a command of the same name. This release has its own copy of the kit,
so that neither order of installation changes what the product and its jobs import.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import puras

PROJECT: Final = "puras-kit"
OTHER_PROJECT: Final = "puras"


def description() -> str:
    """Return the version and the folder of the kit that is used."""
    return f"{PROJECT} {puras.__version__} at {Path(puras.__file__).parent}"


def other_version() -> str | None:
    """Return the version of the other project if it is installed in this environment."""
    try:
        return version(OTHER_PROJECT)
    except PackageNotFoundError:
        return None
