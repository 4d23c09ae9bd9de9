"""Shorten results that are too long for a conversation.

The drive stores the full text, the model gets its start.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import suppress
from typing import Final

from workers.agent.types import ToolCall, ToolResult, Workspace

MAX_CHARACTERS: Final = 12_000
PREVIEW_CHARACTERS: Final = 6_000
TIDIED_CHARACTERS: Final = 2_000
"""Shorter results are unchanged."""
_FOLDER: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


async def shortened(result: ToolResult, call: ToolCall, workspace: Workspace) -> ToolResult:
    """Return the result, shortened if it is too long for a conversation."""
    if not isinstance(result.content, str) or len(result.content) <= TIDIED_CHARACTERS:
        return result
    text = _tidied(result.content)
    if len(text) > MAX_CHARACTERS:
        text = await _offloaded(result.content, text, call, workspace)
    return ToolResult(text, result.ok, result.details, result.used)


def _tidied(text: str) -> str:
    """Return the text without terminal escapes and blank lines; JSON without white space."""
    with suppress(ValueError, RecursionError):
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return _BLANK_LINES.sub("\n\n", _ESCAPES.sub("", text))


def store_full_text(workspace: Workspace, name: str, text: str) -> str:
    """Store a text in the drive, and return its path.

    Raises:
        OSError: it cannot be written.
    """
    folders = ("_jobs", str(workspace.assignment.job_id), "_toolout")
    with suppress(FileExistsError):  # written by an attempt that did not store the result
        _write(workspace, folders, name, text)
    return f"drive/{'/'.join(folders)}/{name}"


async def _offloaded(full_text: str, text: str, call: ToolCall, workspace: Workspace) -> str:
    name = f"{call.step}-{re.sub(r'[^A-Za-z0-9_-]', '_', call.id)[:80]}.txt"
    preview = text[:PREVIEW_CHARACTERS]
    remaining = len(text) - PREVIEW_CHARACTERS
    try:
        path = await asyncio.to_thread(store_full_text, workspace, name, full_text)
    except OSError as error:
        return f"{preview}\n[… {remaining:,} more characters; they could not be stored: {error.strerror}]"
    return f"{preview}\n[… {remaining:,} more characters; full text: {path}]"


def _write(workspace: Workspace, folders: tuple[str, ...], name: str, text: str) -> None:
    """Write below the drive without following links, which code of the project may have created."""
    uid = workspace.assignment.sandbox_uid
    folder = os.open(workspace.drive_dir, _FOLDER)
    try:
        for part in folders:
            inner = _open_or_create(folder, part, uid)
            os.close(folder)
            folder = inner
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
        with os.fdopen(file, "w", encoding="utf-8", errors="replace") as opened:
            _change_owner(file, uid)
            opened.write(text)
    finally:
        os.close(folder)


def _open_or_create(folder: int, name: str, uid: int | None) -> int:
    """Return the folder of that name in a folder, created if it is missing."""
    is_new = True
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
    except FileExistsError:
        is_new = False
    inner = os.open(name, _FOLDER, dir_fd=folder)
    if is_new:
        _change_owner(inner, uid)
    return inner


def _change_owner(descriptor: int, uid: int | None) -> None:
    """Make the project's own user the owner."""
    if uid is not None:
        os.fchown(descriptor, uid, uid)
