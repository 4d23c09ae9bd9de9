"""The assignment of the assistant: that of an agent, with a copy of the draft."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, fields
from uuid import UUID

from backend.authoring.drafts.reading import unpack
from backend.skills.assistant.skill import prompt, submitted_by_model
from backend.storage import Storage
from workers.agent.assignment import AgentAssignment
from workers.agent.assistant.draft_copy import DraftCopy


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantAssignment(AgentAssignment):
    """One attempt of one run of the assistant."""

    skillpack_id: UUID
    copy: DraftCopy = field(repr=False)


async def for_assistant(
    assignment: AgentAssignment, storage: Storage, sha256: str | None, *, skillpack_id: UUID
) -> AssistantAssignment:
    """Return the assignment of the assistant, based on that of an agent and the stored copy of the draft."""
    files = {} if sha256 is None else await asyncio.to_thread(unpack, await storage.get_bundle(sha256))
    shared = {one.name: getattr(assignment, one.name) for one in fields(AgentAssignment)}
    own = {"skill": submitted_by_model(), "prompt": prompt(), "has_own_copy": True}
    return AssistantAssignment(**{**shared, **own}, skillpack_id=skillpack_id, copy=DraftCopy(files))
