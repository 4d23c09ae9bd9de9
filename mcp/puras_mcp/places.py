"""Which files of this machine the tools touch: an agent may have been talked into asking for others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from puras_mcp.errors import Refused

ROOT_VARIABLE: Final = "PURAS_MCP_ROOT"
"""When set: nothing outside of that folder is read or written."""


def folder(text: str) -> Path:
    """A folder of skills that is there.

    Raises:
        Refused: it is not, or it is none that may be read as a whole.
    """
    found = _allowed(text)
    if not found.is_dir():
        raise Refused(f"{found} is not a folder. Give the absolute path of the folder with your skills.")
    if found in (Path(found.anchor), Path.home()):
        raise Refused(f"{found} holds more than skills. Give the folder with your skills alone.")
    return found


def new_folder(text: str) -> Path:
    """A folder to write a skill into, made when it is not there."""
    found = _allowed(text)
    found.mkdir(parents=True, exist_ok=True)
    return found


def file(text: str) -> Path:
    """A file that is there.

    Raises:
        Refused: it is not, or it is none that may be read.
    """
    found = _allowed(text)
    if not found.is_file():
        raise Refused(f"{found} is not a file. Give its absolute path.")
    return found


def _allowed(text: str) -> Path:
    """The place behind all links, unless it is hidden or outside of the root that was set."""
    if not text:
        raise Refused("The path is empty. Give an absolute path.")
    found = Path(text).expanduser().resolve()
    root = os.environ.get(ROOT_VARIABLE, "")
    if root and not found.is_relative_to(Path(root).expanduser().resolve()):
        raise Refused(
            f"{found} is outside of {root}, which {ROOT_VARIABLE} names. Ask the person to move it."
        )
    hidden = next((part for part in found.parts if part.startswith(".")), None)
    if hidden is not None:
        raise Refused(
            f"{found} is in the hidden {hidden!r}, where keys and settings lie. Copy what is needed elsewhere."
        )
    return found
