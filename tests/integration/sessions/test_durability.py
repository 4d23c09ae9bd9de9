"""Sessions whose workers and API processes are lost, in the middle of a turn and at its boundaries."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.administration.retention import sweep as retention
from backend.administration.retention.rules import Rules
from backend.execution.sessions import advance as sessions
from backend.execution.sessions import turns
from tests.doubles.messages import calls, says
from tests.factories.worker import lose
from tests.integration.agents.conftest import Agents, CountingTool
from tests.integration.openai_api.conftest import BUNDLE
from tests.integration.sessions.conftest import said, started
from tests.integration.sessions.test_turns import texts
from workers.attempt import persist

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_turn_of_a_lost_worker_continues_and_the_next_one_waits(pushed: Agents) -> None:
    gate = asyncio.Event()
    tool: Any = CountingTool(gate=gate)
    pushed.tools = [tool]
    pushed.upstream.script = [says(calls("look", at="owls")), says("One."), says("Two.")]
    chat = await started(pushed)
    first = await chat.send("Question 1")
    async with pushed.running_worker() as worker:
        await tool.started.wait()
        second = await chat.send("Question 2")
        await lose(worker)
        gate.set()
        messages = await chat.when_idle()
    assert [said(one) for one in messages[1::2]] == ["One.", "Two."]
    last = pushed.upstream.bodies[-1]["messages"]
    assert [one["role"] for one in last] == ["user", "assistant", "user", "assistant", "user"]
    [call], [result] = last[1]["content"], last[2]["content"]
    assert (call["name"], call["input"]) == ("look", {"at": "owls"})
    assert (result["tool_use_id"], result["content"]) == (call["id"], "seen: owls")
    assert texts(last[3]) == "One."
    attempts = [(await pushed.get(one["job_id"]))["attempt"] for one in (first, second)]
    assert attempts == [2, 1]
    assert pushed.upstream.asked == 3  # no reply was requested twice


async def test_worker_lost_after_the_end_of_a_turn_is_made_up_for(
    pushed: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: Any) -> None:
        raise ConnectionError("the process was killed here")

    monkeypatch.setattr(persist, "advance", killed)
    pushed.upstream.script = [says("One."), says("Two."), says("Three.")]
    chat = await started(pushed)
    for number in (1, 2, 3):
        await chat.send(f"Question {number}")
    async with pushed.running_worker():
        messages = await chat.when_idle()
    assert [said(one) for one in messages[1::2]] == ["One.", "Two.", "Three."]


async def test_api_lost_between_turn_and_job_loses_neither(
    pushed: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = await started(pushed)

    async def killed(*_: Any, **__: Any) -> None:
        raise ConnectionError("the process was killed here")

    with monkeypatch.context() as patched:
        patched.setattr(turns, "submit", killed)
        await chat.send("Question 1", status=500)
    with monkeypatch.context() as patched:
        patched.setattr(turns, "_fill_guarded", killed)
        await chat.send("Question 1", status=500)
    assert await chat.messages() == []
    assert (await pushed.project.http.get("/v1/jobs")).json() == []
    pushed.upstream.script = [says("One.")]
    await chat.send("Question 1")
    async with pushed.running_worker():
        assert [said(one) for one in await chat.when_idle()] == ["Question 1", "One."]


async def test_repeated_request_with_a_key_sends_one_message(working: Agents) -> None:
    working.upstream.script = [says("One.")]
    chat = await started(working)
    responses = await asyncio.gather(
        *(
            chat.http.post(
                f"/v1/sessions/{chat.id}/messages",
                json={"content": "Question 1"},
                headers={"Idempotency-Key": "question-1"},
            )
            for _ in range(5)
        )
    )
    bodies = [one.json() for one in responses if one.status_code == 201]
    assert bodies
    assert all(one == bodies[0] for one in bodies)
    assert len(await chat.when_idle()) == 2


async def test_concurrent_messages_have_one_order_and_all_run(working: Agents) -> None:
    working.upstream.script = [says(f"Reply {number}.") for number in range(12)]
    chat = await started(working)
    await asyncio.gather(*(chat.send(f"Question {number}") for number in range(12)))
    messages = await chat.when_idle()
    assert [one["turn"] for one in messages[::2]] == list(range(1, 13))
    assert [said(one) for one in messages[1::2]] == [f"Reply {number}." for number in range(12)]
    for number, body in enumerate(working.upstream.bodies):
        seen = [texts(one) for one in body["messages"] if one["role"] == "assistant"]
        assert seen == [f"Reply {before}." for before in range(number)]


async def test_session_continues_after_its_jobs_were_deleted(working: Agents) -> None:
    working.upstream.script = [says("One."), says("Two.")]
    chat = await started(working)
    await chat.send("Question 1")
    await chat.when_idle()
    async with working.instance.database.transaction() as session:
        values = {"project_id": working.project.id, "session_id": UUID(chat.id)}
        await session.execute(
            text("delete from jobs where project_id = :project_id and session_id = :session_id"), values
        )
    await chat.send("Question 2")
    messages = await chat.when_idle()
    assert [said(one) for one in messages] == ["Question 1", "One.", "Question 2", "Two."]
    assert texts(working.upstream.bodies[1]["messages"][1]) == "One."


async def test_advance_at_any_time_changes_nothing(working: Agents) -> None:
    gate = asyncio.Event()
    tool: Any = CountingTool(gate=gate)
    working.tools = [tool]
    working.upstream.script = [says(calls("look", at="owls")), says("One."), says("Two.")]
    chat = await started(working)
    await chat.send("Question 1")
    sent = await chat.send("Question 2")
    await tool.started.wait()
    for _ in range(3):
        await sessions.advance(working.instance.database, working.project.id, UUID(chat.id))
        await sessions.advance_due(working.instance.database)
    assert (await working.get(sent["job_id"]))["status"] == "queued"
    gate.set()
    assert [said(one) for one in (await chat.when_idle())[1::2]] == ["One.", "Two."]


DAY_PASSES = (
    "update agent_sessions set created_at = created_at - interval '1 day', updated_at = updated_at - interval '1 day'",
    "update session_turns set created_at = created_at - interval '1 day', ended_at = ended_at - interval '1 day'",
    "update jobs set created_at = created_at - interval '1 day', started_at = started_at - interval '1 day', "
    "first_started_at = first_started_at - interval '1 day', "
    "finished_at = finished_at - interval '1 day'",
)
DAYS = 8


async def test_conversation_lasts_longer_than_a_week(pushed: Agents) -> None:
    """Each day another worker, on the fourth another version and a lost worker; retention runs with its defaults."""
    database = pushed.instance.database
    gate = asyncio.Event()
    tool: Any = CountingTool(gate=gate)
    pushed.tools = [tool]
    pushed.upstream.script = [
        *(says(f"Reply {day}.") for day in range(4)),
        says(calls("look", at="owls")),
        *(says(f"Reply {day}.") for day in range(4, DAYS)),
    ]
    chat = await started(pushed)
    for day in range(DAYS):
        if day == 4:
            await pushed.project.pushed(BUNDLE)
        async with pushed.running_worker() as worker:
            await chat.send(f"Question {day}")
            if day == 4:
                await tool.started.wait()
                await lose(worker)
                gate.set()
            await chat.when_idle()
        async with database.transaction() as session:
            for statement in DAY_PASSES:
                await session.execute(text(f"{statement} where project_id = :id"), {"id": pushed.project.id})
        while await retention.sweep(database, Rules.of(pushed.instance.settings), may_continue=lambda: True):
            pass

    messages = await chat.messages()
    assert [said(one) for one in messages[::2]] == [f"Question {day}" for day in range(DAYS)]
    assert [said(one) for one in messages[1::2]] == [f"Reply {day}." for day in range(DAYS)]
    last = pushed.upstream.bodies[-1]["messages"]
    assert "Question 0" in texts(last[0])
    assert "Reply 6." in str(last)
    jobs = [await pushed.get(one["job_id"]) for one in messages[::2]]
    assert [job["attempt"] for job in jobs] == [2 if day == 4 else 1 for day in range(DAYS)]
    assert jobs[0]["deployment_version"] < jobs[-1]["deployment_version"]
    assert (await chat.read())["cost_micros"] == sum(job["cost_micros"] for job in jobs) > 0
