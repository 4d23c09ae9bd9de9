"""Add the memory digest at the start of a run, if its skill requests it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from backend.context import AppContext
from backend.data.memory.digest import Digest, digest
from backend.data.memory.errors import ListingHasNoMemory
from backend.data.memory.identity import content_hash, image_key, value_key
from backend.data.memory.scoping import job_principal
from backend.execution.events.types import MemoryInjectedEvent, MemoryMissEvent
from backend.identity.auth.principal import Principal
from workers.agent.assignment import AgentAssignment
from workers.agent.attachments.staging import Staged
from workers.agent.conversation import text_blocks
from workers.agent.types import ToolError, Workspace
from workers.agent.untrusted import unclosing
from workers.agent.workspace import disk, file_paths
from workers.db_retry import DatabaseRetry
from workers.llm.types import Block

IDENTITY: Final = (
    "# Identity of the inputs\n\nThese identify the inputs of this job in the memory. Pass both to "
    "memory_search, and to memory_put for what you learn about them. A record with `fresh: false` was "
    "created from other content.\n\n"
)


async def remembered(
    context: AppContext, assignment: AgentAssignment, staged: Staged, workspace: Workspace
) -> list[Block]:
    """Return the blocks before the inputs; nothing if the skill requests no digest."""
    memory = assignment.skill.memory
    if memory is None or not memory.digest:
        return []
    keys = [key async for key in _keys(staged, memory.keys, workspace)]
    identity = await _identity(staged, keys, workspace) if memory.identity else None
    if identity is not None:
        keys = [*keys, identity["entity_key"]]
    content = None if identity is None else identity["content_hash"]
    blocks = (
        []
        if identity is None
        else text_blocks(IDENTITY + unclosing(json.dumps(identity, ensure_ascii=False)))
    )
    principal = job_principal(
        job_id=assignment.job_id, project_id=assignment.project_id, attempt=assignment.attempt
    )

    try:
        found = await _read_digest(context, principal, keys, content)
    except ListingHasNoMemory:
        return []
    recorder = assignment.journal.recorder
    if found.missed:
        recorder.record(MemoryMissEvent(keys=list(found.missed)))
    text = await assignment.guard.remembered(found.text) if found.text else ""
    if not text:
        return blocks
    recorder.record(MemoryInjectedEvent(**found.injected._asdict()))
    return [*blocks, *text_blocks(text)]


async def _read_digest(
    context: AppContext, principal: Principal, keys: list[str], content: str | None
) -> Digest:
    retry = DatabaseRetry("memory not read yet", job_id=str(principal.id))
    while True:
        async with retry, context.database.transaction() as session:
            return await digest(session, principal, keys, content_hash=content)


async def _identity(staged: Staged, keys: list[str], workspace: Workspace) -> dict[str, str] | None:
    """Return the first key of the inputs and the hash of all of them; none without inputs."""
    if not staged.inputs:
        return None
    content = content_hash(await asyncio.to_thread(_with_hashes, staged.inputs, workspace))
    return {"entity_key": keys[0] if keys else f"fp:{content}", "content_hash": content}


def _with_hashes(value: Any, workspace: Workspace) -> Any:
    """Replace each file by the hash of its content, since its path and its URL differ from job to job."""
    if _is_file(value):
        try:
            return hashlib.sha256(disk.read(file_paths.to_read(value["drive_path"], workspace))).hexdigest()
        except ToolError:
            return value["drive_path"]
    if isinstance(value, dict):
        return {name: _with_hashes(item, workspace) for name, item in value.items()}
    return [_with_hashes(item, workspace) for item in value] if isinstance(value, list) else value


async def _keys(staged: Staged, names: tuple[str, ...], workspace: Workspace) -> Any:
    """Return the keys of the inputs: of those that the skill names, else of all images and URLs."""
    for value in _values(staged, names):
        if _is_file(value):
            key = await asyncio.to_thread(_image, value, workspace)
        elif names or str(value).lower().startswith(("http://", "https://")):
            key = value_key(value)
        else:
            key = None
        if key is not None:
            yield key


def _values(staged: Staged, names: tuple[str, ...]) -> Iterator[Any]:
    for name, value in staged.inputs.items():
        if not names or name in names:
            yield from value if isinstance(value, list) else [value]


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("drive_path"), str)


def _image(value: dict[str, Any], workspace: Workspace) -> str | None:
    if not str(value.get("media_type", "")).startswith("image/"):
        return None
    try:
        return image_key(disk.read(file_paths.to_read(value["drive_path"], workspace)))
    except ToolError:
        return None  # too large to read
