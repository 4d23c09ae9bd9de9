"""The tools `file_write` and `file_edit`: texts of the work folder and the drive."""

from __future__ import annotations

import asyncio
import io
from typing import Any, Final, NamedTuple

from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.tools.changes import difference
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.workspace import disk, file_paths

_PATH: Final = {
    "type": "string",
    "minLength": 1,
    "description": "'notes.md' in the work folder, which ends with the run, or 'drive/report.md', which stays.",
}
_WRITE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"path": _PATH, "content": {"type": "string", "description": "The whole text."}},
    "required": ["path", "content"],
    "additionalProperties": False,
}
_EDIT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "path": _PATH,
        "new_string": {"type": "string", "description": "What is to be there instead; empty to take it out."},
        "old_string": {
            "type": "string",
            "description": "What is there, exactly, with enough around it to be found once.",
        },
        "replace_all": {"type": "boolean", "default": False, "description": "Replace every match."},
        "start_line": {
            "type": "integer",
            "minimum": 1,
            "description": "Instead of old_string: the first line.",
        },
        "end_line": {"type": "integer", "minimum": 1, "description": "And the last one, itself included."},
    },
    "required": ["path", "new_string"],
    "additionalProperties": False,
}
_WRITE_ARGUMENTS: Final = Arguments(_WRITE)
_EDIT_ARGUMENTS: Final = Arguments(_EDIT)


class FileWrite:
    """Writes a whole file."""

    spec = spec_of(
        "file_write",
        "Write a text file, in the place of what is there. Folders above it are made.",
        _WRITE,
    )
    is_read_only = False
    is_idempotent = True
    runs_alone = True
    confirm = False

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Write it.

        Raises:
            ToolError: the arguments are wrong, or it cannot be written there.
        """
        given = _WRITE_ARGUMENTS.of(call)
        place = file_paths.to_write(given["path"], workroom)
        text: str = given["content"]
        written = await _put(place, text, workroom)
        verb = "Wrote" if written.is_new else "Replaced"
        lines = _count_lines(text)
        facts = {**_facts(place, written), "chars": len(text), "lines": lines}
        return ToolResult(
            f"{verb} {place.shown}: {written.size_bytes:,} bytes, {lines:,} lines.", facts=facts
        )


class FileEdit:
    """Changes a part of a file."""

    spec = spec_of(
        "file_edit",
        "Change a text file: replace old_string, which has to be there exactly once (or replace_all), or the lines "
        "from start_line to end_line. You get the difference.",
        _EDIT,
    )
    is_read_only = False
    is_idempotent = False
    runs_alone = True
    confirm = False

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Change it.

        Raises:
            ToolError: the arguments are wrong, or what is to be replaced is not found once.
        """
        given = _EDIT_ARGUMENTS.of(call)
        place = file_paths.to_write(given["path"], workroom)
        before = _decoded(place, await asyncio.to_thread(disk.read, place))
        change = _change(given)
        after = change.applied(before, place.shown)
        if after == before:
            raise ToolError(f"Nothing changes in {place.shown!r}: new_string is what is there already.")
        written = await _put(place, after, workroom)
        return ToolResult(
            f"Changed {place.shown}:\n{difference(before, after)}", facts=_facts(place, written)
        )


class _Replacement(NamedTuple):
    """Replace a text."""

    old: str
    new: str
    everywhere: bool

    def applied(self, text: str, shown: str) -> str:
        count = text.count(self.old)
        if not count:
            raise ToolError(
                f"old_string is not in {shown!r}. Read the file and copy the text exactly, with its spaces."
            )
        if count > 1 and not self.everywhere:
            raise ToolError(
                f"old_string is {count:,} times in {shown!r}: give more of the text around it, or set replace_all."
            )
        _refuse_large(len(text) + count * (len(self.new) - len(self.old)))
        return text.replace(self.old, self.new)


class _Lines(NamedTuple):
    """Replace whole lines."""

    first: int
    last: int
    new: str

    def applied(self, text: str, shown: str) -> str:
        lines = list(io.StringIO(text, newline="\n"))  # as commands count them
        if self.last > len(lines):
            raise ToolError(f"{shown!r} has {len(lines):,} lines: there is no line {self.last:,}.")
        is_whole = not self.new or self.new.endswith("\n") or self.last == len(lines)
        new = self.new if is_whole else f"{self.new}\n"
        return "".join([*lines[: self.first - 1], new, *lines[self.last :]])


def _change(given: dict[str, Any]) -> _Replacement | _Lines:
    """Which of the two ways to say what is replaced was taken.

    Raises:
        ToolError: neither, or both.
    """
    old, first, last = given.get("old_string"), given.get("start_line"), given.get("end_line")
    has_lines = first is not None or last is not None
    if (old is not None) == has_lines:
        raise ToolError(
            "Say what is replaced in one of two ways: by old_string, or by start_line and end_line."
        )
    if old == "":
        raise ToolError("old_string is empty. Give the text that is replaced, or the lines.")
    if old is not None:
        return _Replacement(old, given["new_string"], given["replace_all"])
    if first is None or last is None or last < first:
        raise ToolError("Give both start_line and end_line, the first not after the last.")
    return _Lines(first, last, given["new_string"])


async def _put(place: file_paths.Place, text: str, workroom: Workspace) -> disk.Written:
    content = text.encode("utf-8")
    _refuse_large(len(content))
    uid = workroom.assignment.sandbox_uid
    return await asyncio.to_thread(disk.write, place, content, owner_uid=uid)


def _refuse_large(size: int) -> None:
    """Before it is made: a few words can ask for more than there is memory."""
    if size > disk.MAX_BYTES:
        raise ToolError(
            f"The text would have {size:,} bytes, more than {disk.MAX_BYTES >> 20} MB: write less."
        )


def _decoded(place: file_paths.Place, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ToolError(f"{place.shown!r} is no text in UTF-8: change it with a command or a tool.") from None


def _facts(place: file_paths.Place, written: disk.Written) -> dict[str, Any]:
    where = "drive_path" if place.is_drive else "path"
    return {where: "/".join(place.parts), "size_bytes": written.size_bytes}


def _count_lines(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n") and bool(text))
