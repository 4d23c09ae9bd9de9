"""Implement the tools `file_write` and `file_edit` for texts in the work folder and the drive."""

from __future__ import annotations

import asyncio
import difflib
import io
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Protocol

from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.workspace import disk, file_paths

MAX_LINES: Final = 80
_CONTEXT_LINES: Final = 3
_MAX_COMPARED: Final = 400  # comparing takes quadratic time
_MAX_CHARACTERS: Final = 500  # of one line


def difference(before: str, after: str) -> str:
    """Return the changed lines, `-` before and `+` after, with their line numbers."""
    old, new = before.split("\n"), after.split("\n")
    head = _common_prefix(old, new)
    tail = _common_prefix(old[head:][::-1], new[head:][::-1])
    first = max(0, head - _CONTEXT_LINES)
    common_tail = max(0, tail - _CONTEXT_LINES)
    lines = _compared(old[first : len(old) - common_tail], new[first : len(new) - common_tail], first)
    shown = [
        line if len(line) <= _MAX_CHARACTERS else f"{line[:_MAX_CHARACTERS]}…" for line in lines[:MAX_LINES]
    ]
    if len(lines) > MAX_LINES:
        shown.append(f"[… {len(lines) - MAX_LINES:,} more lines]")
    return "\n".join(shown)


def _compared(removed: list[str], added: list[str], first: int) -> list[str]:
    header = f"@@ from line {first + 1} @@"
    if max(len(removed), len(added)) > _MAX_COMPARED:
        return [header, *(f"-{line}" for line in removed), *(f"+{line}" for line in added)]
    compared = difflib.unified_diff(removed, added, lineterm="", n=_CONTEXT_LINES)
    return [header, *(line for line in list(compared)[2:] if not line.startswith("@@"))]


def _common_prefix(old: list[str], new: list[str]) -> int:
    """Return the number of equal lines at the start."""
    count = 0
    for old_line, new_line in zip(old, new, strict=False):
        if old_line != new_line:
            break
        count += 1
    return count


_PATH: Final = {
    "type": "string",
    "minLength": 1,
    "description": "'notes.md' in the work folder, deleted after the run, or 'drive/report.md', which is kept.",
}
WRITE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"path": _PATH, "content": {"type": "string", "description": "The complete text."}},
    "required": ["path", "content"],
    "additionalProperties": False,
}
EDIT: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "path": _PATH,
        "new_string": {"type": "string", "description": "The replacement; empty to delete the text."},
        "old_string": {
            "type": "string",
            "description": "The exact current text, with enough context to be unique.",
        },
        "replace_all": {"type": "boolean", "default": False, "description": "Replace every match."},
        "start_line": {
            "type": "integer",
            "minimum": 1,
            "description": "Instead of old_string: the number of the first line.",
        },
        "end_line": {
            "type": "integer",
            "minimum": 1,
            "description": "The number of the last line, inclusive.",
        },
    },
    "required": ["path", "new_string"],
    "additionalProperties": False,
}
_WRITE_ARGUMENTS: Final = Arguments(WRITE)
_EDIT_ARGUMENTS: Final = Arguments(EDIT)


class FileWrite:
    """Writes a whole file."""

    spec = spec_of(
        "file_write",
        "Write a text file; an existing file is replaced. Missing folders are created.",
        WRITE,
    )
    is_read_only = False
    is_idempotent = True
    runs_alone = True
    confirm = False

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Write it.

        Raises:
            ToolError: the arguments are wrong, or the file cannot be written.
        """
        arguments = _WRITE_ARGUMENTS.of(call)
        location = file_paths.to_write(arguments["path"], workspace)
        text: str = arguments["content"]
        written = await _write(location, text, workspace)
        verb = "Wrote" if written.is_new else "Replaced"
        lines = _count_lines(text)
        details = {**_details(location, written), "chars": len(text), "lines": lines}
        return ToolResult(
            f"{verb} {location.display_name}: {written.size_bytes:,} bytes, {lines:,} lines.", details=details
        )


class FileEdit:
    """Changes a part of a file."""

    spec = spec_of(
        "file_edit",
        "Change a text file: replace old_string, which must occur exactly once (or set replace_all), or the "
        "lines from start_line to end_line. The result is the diff.",
        EDIT,
    )
    is_read_only = False
    is_idempotent = False
    runs_alone = True
    confirm = False

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Change it.

        Raises:
            ToolError: the arguments are wrong, or the text to replace is not found exactly once.
        """
        arguments = _EDIT_ARGUMENTS.of(call)
        location = file_paths.to_write(arguments["path"], workspace)
        before = _decoded(location, await asyncio.to_thread(disk.read, location))
        change = change_of(arguments)
        after = change.applied(before, location.display_name)
        if after == before:
            raise ToolError(
                f"Nothing changes in {location.display_name!r}: new_string equals the current text."
            )
        written = await _write(location, after, workspace)
        return ToolResult(
            f"Changed {location.display_name}:\n{difference(before, after)}",
            details=_details(location, written),
        )


class Change(Protocol):
    """A change of a text."""

    def applied(self, text: str, shown: str) -> str:
        """Return the changed text of the file that is shown as `shown`.

        Raises:
            ToolError: the change does not apply.
        """


class _Replacement(NamedTuple):
    """Replace a text."""

    old: str
    new: str
    everywhere: bool

    def applied(self, text: str, shown: str) -> str:
        count = text.count(self.old)
        if not count:
            raise ToolError(
                f"old_string is not in {shown!r}. Read the file and copy the text exactly, including spaces."
            )
        if count > 1 and not self.everywhere:
            raise ToolError(
                f"old_string occurs {count:,} times in {shown!r}. Include more of the surrounding text, or "
                "set replace_all."
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
        ends_line = not self.new or self.new.endswith("\n") or self.last == len(lines)
        new = self.new if ends_line else f"{self.new}\n"
        return "".join([*lines[: self.first - 1], new, *lines[self.last :]])


def change_of(arguments: Mapping[str, Any]) -> Change:
    """Return the change of a text that the arguments describe: by text or by lines.

    Raises:
        ToolError: they describe none or both.
    """
    old, first, last = arguments.get("old_string"), arguments.get("start_line"), arguments.get("end_line")
    has_lines = first is not None or last is not None
    if (old is not None) == has_lines:
        raise ToolError("Set either old_string, or start_line and end_line.")
    if old == "":
        raise ToolError("old_string is empty. Set the text to replace, or the lines.")
    if old is not None:
        return _Replacement(old, arguments["new_string"], arguments["replace_all"])
    if first is None or last is None or last < first:
        raise ToolError("Set both start_line and end_line, with start_line not after end_line.")
    return _Lines(first, last, arguments["new_string"])


async def _write(location: file_paths.FileLocation, text: str, workspace: Workspace) -> disk.Written:
    content = text.encode("utf-8")
    _refuse_large(len(content))
    uid = workspace.assignment.sandbox_uid
    return await asyncio.to_thread(disk.write, location, content, owner_uid=uid)


def _refuse_large(size: int) -> None:
    """Reject a text that is too large before it is created in memory."""
    if size > disk.MAX_BYTES:
        raise ToolError(
            f"The text would have {size:,} bytes, more than {disk.MAX_BYTES >> 20} MB. Write a shorter text."
        )


def _decoded(location: file_paths.FileLocation, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ToolError(
            f"{location.display_name!r} is not UTF-8 text. Change it with a command or a tool."
        ) from None


def _details(location: file_paths.FileLocation, written: disk.Written) -> dict[str, Any]:
    where = "drive_path" if location.is_drive else "path"
    return {where: "/".join(location.parts), "size_bytes": written.size_bytes}


def _count_lines(text: str) -> int:
    return text.count("\n") + (not text.endswith("\n") and bool(text))
