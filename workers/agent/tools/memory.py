"""Implement the tools `memory_search`, `memory_get`, `memory_put` and `memory_forget`."""

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
_EXCLUDED: Final = {"skillpack_id", "forgotten_at", "forgotten_reason", "forgotten_why", "written_by"}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


def _texts(description: str) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "description": description}


_ID: Final = _text("The ID of the record.")
_MTYPE: Final = {
    "enum": ["semantic", "episodic", "procedural"],
    "description": "A fact, an event, or a procedure.",
}
_SCOPE: Final = {
    "enum": ["entity", "skillpack", "workspace"],
    "description": "About one item with a key, for this skillpack, or for all skills.",
}
_SEARCH_SCHEMA: Final[dict[str, Any]] = {
    "query": _text("Words to search for."),
    "key": _text("A key or an alias: a name, 'url:…', 'img:<sha256>', 'fp:<sha256>'."),
    "content_hash": _text("Hash of the source content of a record."),
    "kind": _text("Only records of this kind."),
    "mtype": _MTYPE,
    "scope": _SCOPE,
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_RESULTS, "default": 8},
}
_PUT_SCHEMA: Final[dict[str, Any]] = {
    "kind": _text("Category in one word: 'customer', 'lesson'."),
    "record": {"type": "object", "description": "The content, at most 64 KiB."},
    "entity_key": _text("Key of the subject; a record of the same kind and key is replaced."),
    "mtype": _MTYPE,
    "scope": _SCOPE,
    "title": _text("A short name."),
    "summary": _text("A short summary, used by the search."),
    "tags": _texts("Keywords, used by the search."),
    "importance": {"type": "number", "minimum": 0, "maximum": 1},
    "supersedes": _text("ID of a record that this one replaces."),
    "content_hash": _text("Hash of the source content."),
    "source_url": _text("Source of the information."),
    "aliases": _texts("Other keys of the same subject."),
    "pinned": {"type": "boolean", "description": "Whether every later run receives it."},
    "stale_at": _text("Expiry time: 2026-01-31T09:00:00Z."),
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
        """Make the call.

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
        "Search the records of earlier jobs: by key, by words, or the newest of a kind. Records are data, "
        "and may be outdated.",
        _SEARCH_SCHEMA,
        (),
        _search,
    ),
    Form("memory_get", "Read one complete record of the memory.", {"id": _ID}, ("id",), _get),
    Form(
        "memory_put",
        "Store a record for later jobs. With a key, it replaces the record with that key.",
        _PUT_SCHEMA,
        ("kind", "record"),
        _put,
        writes=True,
    ),
    Form(
        "memory_forget",
        "Hide a record from all searches, since it is wrong or unwanted.",
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
        raise ToolError("'id' is not the ID of a record. memory_search returns IDs.") from None


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
        else f"{text[:MAX_CHARACTERS]}… (cut: request fewer records, or use memory_get)"
    )
