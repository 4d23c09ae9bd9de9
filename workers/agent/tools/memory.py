"""The tools `memory_search`, `memory_get`, `memory_put` and `memory_forget`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from backend.context import AppContext
from backend.data.memory import deletion, queries, search, writing
from backend.data.memory.schemas import MAX_RESULTS, MemoryPut, MemoryRead, MemorySearch
from backend.data.memory.scoping import job_principal
from workers.agent.assignment import AgentAssignment
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace

MAX_CHARACTERS: Final = 30_000
_EXCLUDED: Final = {"skillpack_id", "forgotten_at", "forgotten_why", "written_by"}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _texts(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


_ID: Final = _text("The record's id.")
_MTYPE: Final = {
    "enum": ["semantic", "episodic", "procedural"],
    "description": "What is so, what happened, or how something is done.",
}
_SCOPE: Final = {
    "enum": ["entity", "skillpack", "workspace"],
    "description": "About one thing that has a key, for this skillpack, or for all skills.",
}
_SEARCH_SCHEMA: Final[dict[str, Any]] = {
    "query": _text("Words to look for."),
    "key": _text("A key or an alias: a name, 'url:…', 'img:<sha256>', 'fp:<sha256>'."),
    "content_hash": _text("Hash of the content that a record was made from."),
    "kind": _text("Only records of this kind."),
    "mtype": _MTYPE,
    "scope": _SCOPE,
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_RESULTS, "default": 8},
}
_PUT_SCHEMA: Final[dict[str, Any]] = {
    "kind": _text("What sort of thing it is, in a word: 'customer', 'lesson'."),
    "record": {"type": "object", "description": "The thing itself, at most 64 KiB."},
    "entity_key": _text("What it is about; a record of the same kind and key is replaced."),
    "mtype": _MTYPE,
    "scope": _SCOPE,
    "title": _text("A short name."),
    "summary": _text("One or two sentences, to find it by."),
    "tags": _texts("Words to find it by."),
    "importance": {"type": "number", "minimum": 0, "maximum": 1},
    "supersedes": _text("Id of a record that this one takes the place of."),
    "content_hash": _text("Hash of the content that it was made from."),
    "source_url": _text("Where it is from."),
    "aliases": _texts("Other keys of the same thing."),
    "pinned": {"type": "boolean", "description": "Tell every later run of it."},
    "stale_at": _text("When it is out of date: 2026-01-31T09:00:00Z."),
}

Do = Callable[["MemoryTool", ToolCall, dict[str, Any], Workspace], Awaitable[ToolResult]]


class Form(NamedTuple):
    """The definition of one tool."""

    name: str
    description: str
    properties: dict[str, Any]
    required: tuple[str, ...]
    do: Do
    writes: bool = False


class MemoryTool:
    """Reads or writes the memory of the run's project, as its job."""

    runs_alone = False
    confirm = False

    def __init__(self, form: Form, context: AppContext, scope: str) -> None:
        """Create the tool of a form; `scope` is the default of records without a key."""
        schema = {"type": "object", "properties": form.properties, "required": list(form.required)}
        self.spec = spec_of(form.name, form.description, schema)
        self.is_read_only = not form.writes
        self.is_idempotent = True  # a write has the idempotency key of its call
        self.context = context
        self.scope = scope
        self._do = form.do
        self._arguments = Arguments({**schema, "additionalProperties": False})

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return self._arguments.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Do it.

        Raises:
            ToolError: the arguments are wrong.
            PurasError: it cannot be stored, or is missing.
        """
        return await self._do(self, call, self._arguments.of(call), workspace)


async def _search(
    tool: MemoryTool, call: ToolCall, arguments: dict[str, Any], workspace: Workspace
) -> ToolResult:
    found = await search.search(tool.context, _principal(workspace), _parsed(MemorySearch, arguments))
    shown = [one.model_dump(mode="json", exclude=_EXCLUDED, exclude_none=True) for one in found.results]
    details = {"count": found.count, "fresh": sum(one.fresh for one in found.results)}
    return ToolResult(_written({"count": found.count, "results": shown}), details=details)


async def _get(
    tool: MemoryTool, call: ToolCall, arguments: dict[str, Any], workspace: Workspace
) -> ToolResult:
    memory_id = _id(arguments["id"])
    async with tool.context.database.transaction() as session:
        record = MemoryRead.model_validate(await queries.get(session, _principal(workspace), memory_id))
    shown = record.model_dump(mode="json", exclude=_EXCLUDED, exclude_none=True)
    return ToolResult(_written(shown), details={"memory_id": str(memory_id)})


async def _put(
    tool: MemoryTool, call: ToolCall, arguments: dict[str, Any], workspace: Workspace
) -> ToolResult:
    if "entity_key" not in arguments:
        arguments.setdefault("scope", tool.scope)
    record = _parsed(MemoryPut, {**arguments, "key": call.idempotency_key[-255:]})
    context = tool.context
    async with context.database.transaction() as session:
        written = await writing.put(
            session, context.vault, _principal(workspace), record, context.settings.quotas
        )
    details = {"memory_id": str(written.id), "version": written.version}
    return ToolResult(written.model_dump_json(), details=details)


async def _forget(
    tool: MemoryTool, call: ToolCall, arguments: dict[str, Any], workspace: Workspace
) -> ToolResult:
    memory_id = _id(arguments["id"])
    async with tool.context.database.transaction() as session:
        await deletion.forget(
            session, _principal(workspace), memory_id, reason=str(arguments.get("reason", ""))[:500]
        )
    return ToolResult("Forgotten.", details={"memory_id": str(memory_id)})


FORMS: Final = (
    Form(
        "memory_search",
        "Look for what earlier jobs have remembered: by key, by words, or the newest of a kind. It is data, and may "
        "be out of date.",
        _SEARCH_SCHEMA,
        (),
        _search,
    ),
    Form("memory_get", "Read one record of the memory whole.", {"id": _ID}, ("id",), _get),
    Form(
        "memory_put",
        "Remember something for later jobs. With a key it replaces what was remembered under it.",
        _PUT_SCHEMA,
        ("kind", "record"),
        _put,
        writes=True,
    ),
    Form(
        "memory_forget",
        "Let nothing find a record any more, since it is wrong or not wanted.",
        {"id": _ID, "reason": _text("Why.")},
        ("id",),
        _forget,
        writes=True,
    ),
)


def memory_tools(context: AppContext, assignment: AgentAssignment) -> list[MemoryTool]:
    """Return the memory tools of a skill; those that write only if its `memory` permits it."""
    memory = assignment.skill.memory
    if memory is None:
        return []
    return [
        MemoryTool(form, context, memory.scope) for form in FORMS if not (form.writes and memory.read_only)
    ]


def _principal(workspace: Workspace) -> Any:
    run = workspace.assignment
    return job_principal(job_id=run.job_id, project_id=run.project_id, attempt=run.attempt)


def _id(arguments: Any) -> UUID:
    try:
        return UUID(str(arguments))
    except ValueError:
        raise ToolError("'id' is not the id of a record: memory_search tells them.") from None


def _parsed(form: Any, arguments: dict[str, Any]) -> Any:
    try:
        return form.model_validate(arguments)
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)
        ]
        raise ToolError("\n".join(lines[:5])) from None


def _written(value: Any) -> str:
    """Return a value as JSON, cut if it is too long for a model."""
    text = json.dumps(value, ensure_ascii=False)
    return (
        text
        if len(text) <= MAX_CHARACTERS
        else f"{text[:MAX_CHARACTERS]}… (cut: ask for fewer, or use memory_get)"
    )
