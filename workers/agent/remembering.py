"""What a run is told of earlier ones before it begins, if its skill asks for that."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from backend.instance import Instance
from backend.memory.digest import Digest, digest
from backend.memory.errors import ListingHasNoMemory
from backend.memory.identity import image_key, value_key
from backend.memory.reach import job_principal
from workers.absence import through_absence
from workers.agent import ToolError, Workroom
from workers.agent.attachments.staging import Staged
from workers.agent.brief import AgentAssignment
from workers.agent.conversation import told
from workers.agent.tools import disk, places
from workers.models import Block


async def remembered(
    instance: Instance, assignment: AgentAssignment, staged: Staged, room: Workroom
) -> list[Block]:
    """What stands in front of the inputs; nothing where the skill does not ask for a digest."""
    memory = assignment.skill.memory
    if memory is None or not memory.digest:
        return []
    keys = [key async for key in _keys(staged, memory.keys, room)]
    principal = job_principal(
        job_id=assignment.job_id, project_id=assignment.project_id, attempt=assignment.attempt
    )

    async def look_up() -> Digest:
        async with instance.database.transaction() as session:
            return await digest(session, principal, keys)

    try:
        found = await through_absence(look_up, "memory not read yet", job_id=str(assignment.job_id))
    except ListingHasNoMemory:
        return []
    recorder = assignment.journal.recorder
    if found.missed:
        recorder.record("memory_miss", {"keys": list(found.missed)})
    text = await assignment.guard.remembered(found.text) if found.text else ""
    if not text:
        return []
    recorder.record("memory_injected", found.injected)
    return told(text)


async def _keys(staged: Staged, names: tuple[str, ...], room: Workroom) -> Any:
    """What the inputs are about: those that the skill names, else every image and every address."""
    for value in _values(staged, names):
        if _is_file(value):
            key = await asyncio.to_thread(_image, value, room)
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


def _image(value: dict[str, Any], room: Workroom) -> str | None:
    if not str(value.get("media_type", "")).startswith("image/"):
        return None
    try:
        return image_key(disk.read(places.to_read(value["drive_path"], room)))
    except ToolError:
        return None  # too large to be looked at
