"""Decide which files of this host the tools may use, since untrusted text may make an agent request others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from puras_mcp.errors import CallRejected

ROOT_VARIABLE: Final = "PURAS_MCP_ROOT"
"""If set, files outside of that folder are neither read nor written."""


def folder(text: str) -> Path:
    """Return an existing folder of skills.

    Raises:
        CallRejected: It does not exist, or must not be read as a whole.
    """
    found = _allowed(text)
    if not found.is_dir():
        raise CallRejected(f"{found} is not a folder. Pass the absolute path of the folder with your skills.")
    if found in (Path(found.anchor), Path.home()):
        raise CallRejected(
            f"{found} contains more than skills. Pass the folder that contains only your skills."
        )
    return found


def new_folder(text: str) -> Path:
    """Return a folder for a new skill; create it if it is missing."""
    found = _allowed(text)
    found.mkdir(parents=True, exist_ok=True)
    return found


def file(text: str) -> Path:
    """Return an existing file.

    Raises:
        CallRejected: It does not exist, or must not be read.
    """
    found = _allowed(text)
    if not found.is_file():
        raise CallRejected(f"{found} is not a file. Pass the absolute path of a file.")
    return found


def _allowed(text: str) -> Path:
    """Return the path with all links resolved, unless it is hidden or outside of the root."""
    if not text:
        raise CallRejected("The path is empty. Pass an absolute path.")
    found = Path(text).expanduser().resolve()
    root = os.environ.get(ROOT_VARIABLE, "")
    if root and not found.is_relative_to(Path(root).expanduser().resolve()):
        raise CallRejected(
            f"{found} is outside of {root}, the folder that {ROOT_VARIABLE} allows. Ask the user to move it there."
        )
    hidden = next((part for part in found.parts if part.startswith(".")), None)
    if hidden is not None:
        raise CallRejected(
            f"{found} is in the hidden path {hidden!r}, which can contain keys. Copy the needed files elsewhere."
        )
    return found
