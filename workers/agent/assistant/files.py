"""Implement the tools of the assistant for the files of its copy."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from workers.agent.assistant.api_tool import SCHEMA as API_TOOL
from workers.agent.assistant.api_tool import make_api_tools
from workers.agent.assistant.draft_copy import DraftCopy
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.tools.files import EDIT, WRITE, change_of, difference
from workers.agent.types import Tool, ToolCall, ToolError, ToolResult, Workspace
from workers.agent.untrusted import NOTE, marked

MAX_SHOWN_CHARACTERS: Final = 9_000
"""Less than what a conversation shows of a result."""
MAX_LINES: Final = 400
MAX_MATCHES: Final = 60
_MAX_LINE_CHARACTERS: Final = 2_000
_PATH: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1_024,
    "description": "Path in the draft: 'skills/resize/skill.yaml'.",
}


def _schema(required: Sequence[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _in_draft(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, "properties": {**schema["properties"], "path": _PATH}}


Run = Callable[[DraftCopy, dict[str, Any]], str]


class _Form(NamedTuple):
    """One tool for files."""

    name: str
    description: str
    schema: dict[str, Any]
    run: Run
    writes: bool = False


class CopyTool:
    """A tool for the copy."""

    is_idempotent = True  # a later attempt starts from the finished calls only
    confirm = False

    def __init__(self, form: _Form, copy: DraftCopy) -> None:
        self._copy = copy
        self._run = form.run
        self._arguments = Arguments(form.schema)
        self.spec = spec_of(form.name, form.description, form.schema)
        self.is_read_only = not form.writes
        self.runs_alone = form.writes

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return self._arguments.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Make the call on the copy.

        Raises:
            ToolError: the arguments are wrong, or the call is not possible.
        """
        return ToolResult(self._run(self._copy, self._arguments.of(call)), details=_details(call))

    def repeat(self, call: ToolCall) -> None:
        """Make a change again that an earlier attempt has made."""
        self._run(self._copy, self._arguments.of(call))


def file_tools(copy: DraftCopy) -> list[CopyTool]:
    """Return the tools for the files of a copy."""
    return [CopyTool(form, copy) for form in _FORMS]


def repeat_changes(tools: Sequence[Tool], calls: Sequence[ToolCall]) -> None:
    """Make the changes of earlier attempts again, in order."""
    writing = {tool.spec.name: tool for tool in tools if isinstance(tool, CopyTool) and not tool.is_read_only}
    for call in calls:
        if call.name in writing:
            writing[call.name].repeat(call)


def _details(call: ToolCall) -> dict[str, Any]:
    path = call.input.get("path")
    return {"path": path} if isinstance(path, str) else {}


def _list(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    folder = arguments.get("folder", "")
    shown = [f"{path} ({copy.size_of(path):,} bytes)" for path in copy.paths if path.startswith(folder)]
    return marked("files", _limited(shown) or "(no files)")


def _read(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    path, first = arguments["path"], arguments.get("start_line", 1)
    lines = copy.text(path).split("\n")
    if first > len(lines):
        raise ToolError(f"{path!r} has {len(lines):,} lines.")
    numbered = [
        f"{number}\t{line[:_MAX_LINE_CHARACTERS]}"
        for number, line in enumerate(lines[first - 1 : first - 1 + MAX_LINES], start=first)
    ]
    shown = _limited(numbered, more="")
    last = first + shown.count("\n")
    remaining = f"\n{len(lines) - last:,} more lines: start_line {last + 1}." if last < len(lines) else ""
    return f"{_enclosed(path, shown)}{remaining}"


def _search(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    wanted, found = arguments["text"].lower(), []
    for path in copy.paths:
        try:
            lines = copy.text(path).split("\n")
        except ToolError:
            continue
        found += [
            f"{path}:{number}: {line[:200]}"
            for number, line in enumerate(lines, start=1)
            if wanted in line.lower()
        ]
        if len(found) > MAX_MATCHES:
            break
    return marked("matches", _limited(found[:MAX_MATCHES]) or "(no matches)")


def _write(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    path, text = arguments["path"], arguments["content"]
    verb = "Replaced" if copy.has(path) else "Wrote"
    copy.write(path, text)
    return f"{verb} {path}: {text.count(chr(10)) + 1:,} lines."


def _edit(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    path = arguments["path"]
    before = copy.text(path)
    after = change_of(arguments).applied(before, path)
    if after == before:
        raise ToolError(f"Nothing changes in {path!r}: new_string equals the current text.")
    copy.write(path, after)
    return f"Changed {path}:\n{_enclosed(path, difference(before, after))}"


def _delete(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    copy.delete(arguments["path"])
    return f"Deleted {arguments['path']}."


def _move(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    source, target = arguments["path"], arguments["to"]
    moved = (
        {
            old: target.rstrip("/") + "/" + old.removeprefix(source)
            for old in copy.paths
            if old.startswith(source)
        }
        if source.endswith("/")
        else {source: target}
    )
    if not moved:
        raise ToolError(f"There is no file in {source!r}.")
    texts = {old: copy.text(old) for old in moved}  # all of them are texts, before anything changes
    if any(copy.has(new) for new in moved.values()):
        raise ToolError(f"{target!r} exists. Choose another name, or delete it first.")
    for old, new in moved.items():
        copy.write(new, texts[old])
        copy.delete(old)
    return f"Moved {len(moved):,} files to {target}."


def _limited(lines: Sequence[str], *, more: str = "[… {} more]") -> str:
    """Return the first lines, as many as a result can show; at least one."""
    shown: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > MAX_SHOWN_CHARACTERS and shown:
            if more:
                shown.append(more.format(len(lines) - len(shown)))
            break
        shown.append(line)
    return "\n".join(shown)


def _enclosed(path: str, text: str) -> str:
    """Return the text of a file unchanged, so that it can be copied, in a mark that depends on the text.

    A text cannot contain its own digest, so it cannot close the mark.
    """
    mark = f"file-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"
    name = path.replace('"', "'").replace("<", "(")
    return f'<{mark} path="{name}">\n{text}\n</{mark}>\n{NOTE}'


_FORMS: Final = (
    _Form(
        "list_files",
        "List the files of the draft.",
        _schema((), folder={"type": "string", "description": "Only this folder: 'skills/resize/'."}),
        _list,
    ),
    _Form(
        "file_read",
        f"Read a text file of the draft, up to {MAX_LINES} lines with their numbers, from start_line.",
        _schema(("path",), path=_PATH, start_line={"type": "integer", "minimum": 1}),
        _read,
    ),
    _Form(
        "search_files",
        "Find the lines of the draft that contain a text; case is ignored.",
        _schema(("text",), text={"type": "string", "minLength": 1, "maxLength": 500}),
        _search,
    ),
    _Form(
        "file_write",
        "Write a text file of the draft; an existing file is replaced.",
        _in_draft(WRITE),
        _write,
        writes=True,
    ),
    _Form(
        "file_edit",
        "Change a text file of the draft: replace old_string, which must occur exactly once (or set replace_all), "
        "or the lines from start_line to end_line. The result is the diff.",
        _in_draft(EDIT),
        _edit,
        writes=True,
    ),
    _Form("file_delete", "Delete a file of the draft.", _schema(("path",), path=_PATH), _delete, writes=True),
    _Form(
        "file_move",
        "Move a text file, or all files of a folder ('skills/old/' to 'skills/new/').",
        _schema(("path", "to"), path=_PATH, to=_PATH),
        _move,
        writes=True,
    ),
    _Form(
        "make_api_tools",
        "Make function tools from a curl command or an OpenAPI document: first without operations, which lists them; "
        "then with those that become tools.",
        API_TOOL,
        make_api_tools,
        writes=True,
    ),
)
