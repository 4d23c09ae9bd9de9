"""Results that are too long for a conversation: the whole goes into the drive, and the model gets its beginning."""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from workers.agent import ToolCall, ToolResult, Workroom

MOST_CHARACTERS: Final = 12_000
SHOWN_CHARACTERS: Final = 6_000
TIDIED_CHARACTERS: Final = 2_000
"""Shorter results are left as they are."""
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_BLANK_LINES: Final = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)+")


async def shrunk(result: ToolResult, call: ToolCall, room: Workroom) -> ToolResult:
    """The result, shorter where it is longer than a conversation should hold."""
    if not isinstance(result.content, str) or len(result.content) <= TIDIED_CHARACTERS:
        return result
    text = _tidied(result.content)
    if len(text) > MOST_CHARACTERS:
        text = await _offloaded(result.content, text, call, room)
    return ToolResult(text, result.ok, result.facts, result.used)


def _tidied(text: str) -> str:
    """Without what only a terminal needs; JSON without its white space."""
    with suppress(ValueError, RecursionError):
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return _BLANK_LINES.sub("\n\n", _ESCAPES.sub("", text))


async def _offloaded(whole: str, text: str, call: ToolCall, room: Workroom) -> str:
    place = ("_jobs", str(room.assignment.job_id), "_toolout")
    name = f"{call.step}-{re.sub(r'[^A-Za-z0-9_-]', '_', call.id)[:80]}.txt"
    shown = text[:SHOWN_CHARACTERS]
    left = len(text) - SHOWN_CHARACTERS
    try:
        await asyncio.to_thread(_write, room, place, name, whole)
    except OSError as error:
        return f"{shown}\n[… {left:,} more characters; they could not be kept: {error.strerror}]"
    return f"{shown}\n[… {left:,} more characters; the whole is in drive/{'/'.join(place)}/{name}]"


def _write(room: Workroom, place: tuple[str, ...], name: str, text: str) -> None:
    """Write below the drive without following any link: whoever may write there could have put one."""
    flags = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_RDONLY
    folder = os.open(Path(room.drive_dir), flags)
    try:
        for part in place:
            with suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=folder)
                _give(part, folder, room.assignment.sandbox_uid)
            inner = os.open(part, flags, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder)
        with os.fdopen(file, "w", encoding="utf-8", errors="replace") as opened:
            opened.write(text)
        _give(name, folder, room.assignment.sandbox_uid)
    finally:
        os.close(folder)


def _give(name: str, folder: int, uid: int | None) -> None:
    if uid is not None:
        os.chown(name, uid, uid, dir_fd=folder, follow_symlinks=False)
