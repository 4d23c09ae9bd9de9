"""A recording returns the replies of the model in an earlier job of the same project, free of charge."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from backend.core.db.engine import Database
from backend.execution.journal.tables import JournalEntry
from backend.skills.model_catalog.recordings import recorded_job
from tests.factories.tenants import Tenant, make_job, make_skill, make_tenant
from workers.llm.errors import RecordingMissing
from workers.llm.recording import Recording, load
from workers.llm.types import Block, Message, Prompt, Reply

RECORDED: list[list[Block]] = [
    [
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls"}},
    ],
    [{"type": "text", "text": "Done."}],
]


async def make_tenant_with_run(database: Database) -> tuple[Tenant, UUID]:
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill(is_agentic=True, entrypoint="SKILL.md"))
        job_id = await make_job(session, tenant)
        session.add(JournalEntry(job_id=job_id, step=0, place=0, kind="opening", attempt=1, content={}))
        for step, blocks in enumerate(RECORDED, start=1):
            reply = {
                "blocks": blocks,
                "stop_reason": "tool_use" if step == 1 else "end_turn",
                "model": "claude/haiku-4-5",
                "tokens": {"input": 9, "output": 9, "cache_write": 0, "cache_read": 0},
                "billed_micros": 70,
            }
            session.add(
                JournalEntry(job_id=job_id, step=step, place=0, kind="reply", attempt=1, content=reply)
            )
        result = JournalEntry(
            job_id=job_id, step=1, place=1, kind="result", attempt=1, content={"content": "a"}
        )
        session.add(result)
    return tenant, job_id


async def reply_to(
    recording: Recording, messages: list[Message], received_text: list[str] | None = None
) -> Reply:
    deltas = [] if received_text is None else received_text
    return await recording.reply(Prompt("", messages, [], 100), deltas.append, lambda _: None)


async def test_recorded_replies_are_returned_in_order_labeled_and_free(database: Database) -> None:
    tenant, job_id = await make_tenant_with_run(database)
    async with database.transaction() as session:
        recording = await load(session, project_id=tenant.project_id, job_id=job_id)
    assert recorded_job(recording.slug) == job_id
    assert recording.entry.is_free
    messages: list[Message] = [{"role": "user", "content": [{"type": "text", "text": "Go."}]}]
    received_text: list[str] = []
    for reply_blocks in RECORDED:
        reply = await reply_to(recording, messages, received_text)
        assert list(reply.blocks) == reply_blocks
        assert (reply.label, reply.model, reply.billed_micros) == ("recording", "claude/haiku-4-5", 0)
        messages += [{"role": "assistant", "content": reply_blocks}, {"role": "user", "content": []}]
    assert received_text == ["Looking.", "Done."]
    assert (await reply_to(recording, messages)).stop_reason == "end_turn"


async def test_job_of_other_project_or_without_replies_is_no_recording(database: Database) -> None:
    _, job_id = await make_tenant_with_run(database)
    async with database.transaction() as session:
        other = await make_tenant(session)
        without = await make_job(session, other)
        for other_job_id in (job_id, without, uuid4()):
            with pytest.raises(RecordingMissing):
                await load(session, project_id=other.project_id, job_id=other_job_id)


def test_recording_name_requires_a_job_id() -> None:
    assert recorded_job("recording/nothing") is None
    assert recorded_job("claude/opus-4-8") is None
    assert recorded_job(None) is None
