"""Results that are too long for a conversation: the whole goes into the drive, and the model gets its beginning."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import suppress
from typing import Final

from workers.agent.types import ToolCall, ToolResult, Workspace

MAX_CHARACTERS: Final = 12_000
SHOWN_CHARACTERS: Final = 6_000
TIDIED_CHARACTERS: Final = 2_000
"""Shorter results are left as they are."""
_FOLDER: Final = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


async def shrunk(result: ToolResult, call: ToolCall, room: Workspace) -> ToolResult:
    """The result, shorter where it is longer than a conversation should hold."""
    if not isinstance(result.content, str) or len(result.content) <= TIDIED_CHARACTERS:
        return result
    text = _tidied(result.content)
    if len(text) > MAX_CHARACTERS:
        text = await _offloaded(result.content, text, call, room)
    return ToolResult(text, result.ok, result.facts, result.used)


def _tidied(text: str) -> str:
    """Without what only a terminal needs; JSON without its white space."""
    with suppress(ValueError, RecursionError):
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return _BLANK_LINES.sub("\n\n", _ESCAPES.sub("", text))


def keep_whole(room: Workspace, name: str, text: str) -> str:
    """Keep a text in the drive, where the run's tools and people find it; gives its path.

    Raises:
        OSError: it cannot be written.
    """
    place = ("_jobs", str(room.assignment.job_id), "_toolout")
    with suppress(FileExistsError):  # by an attempt that did not come to write down that it had
        _write(room, place, name, text)
    return f"drive/{'/'.join(place)}/{name}"


async def _offloaded(whole: str, text: str, call: ToolCall, room: Workspace) -> str:
    name = f"{call.step}-{re.sub(r'[^A-Za-z0-9_-]', '_', call.id)[:80]}.txt"
    shown = text[:SHOWN_CHARACTERS]
    left = len(text) - SHOWN_CHARACTERS
    try:
        path = await asyncio.to_thread(keep_whole, room, name, whole)
    except OSError as error:
        return f"{shown}\n[… {left:,} more characters; they could not be kept: {error.strerror}]"
    return f"{shown}\n[… {left:,} more characters; the whole is in {path}]"


def _write(room: Workspace, place: tuple[str, ...], name: str, text: str) -> None:
    """Write below the drive without following any link: whoever may write there could have put one."""
    uid = room.assignment.sandbox_uid
    folder = os.open(room.drive_dir, _FOLDER)
    try:
        for part in place:
            inner = _entered(folder, part, uid)
            os.close(folder)
            folder = inner
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
        with os.fdopen(file, "w", encoding="utf-8", errors="replace") as opened:
            _give(file, uid)
            opened.write(text)
    finally:
        os.close(folder)


def _entered(folder: int, name: str, uid: int | None) -> int:
    """The folder of that name in a folder, made where there is none."""
    is_new = True
    try:
        os.mkdir(name, 0o755, dir_fd=folder)
    except FileExistsError:
        is_new = False
    inner = os.open(name, _FOLDER, dir_fd=folder)
    if is_new:
        _give(inner, uid)
    return inner


def _give(descriptor: int, uid: int | None) -> None:
    """Let the project's own user have it."""
    if uid is not None:
        os.fchown(descriptor, uid, uid)
