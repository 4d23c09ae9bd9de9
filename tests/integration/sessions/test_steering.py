"""Messages while a turn runs: interrupt, reject, the limits of the queue; cancellation; what later turns see of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.doubles.messages import says
from tests.integration.agents.conftest import Agents, CountingTool
from tests.integration.sessions.conftest import Chat, Place, said, started
from tests.integration.sessions.test_turns import texts

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "Owls fly at night, and no mouse hears them. " * 10


async def writing(agents: Agents) -> tuple[Chat, Any, Any]:
    """Start a turn whose model has written a part of its reply."""
    reply = says(TEXT).but(hold_after=5)
    agents.upstream.script = [reply, says("Sorry."), says("Later.")]
    chat = await started(agents)
    sent = await chat.send("Describe all owls.")
    async with asyncio.timeout(20):
        while agents.upstream.asked == 0:  # noqa: ASYNC110 - another thread makes it so
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)  # the pieces of the reply arrive
    return chat, reply, sent


async def test_interrupt_cancels_the_turn_and_keeps_its_text(place: Place) -> None:
    chat, reply, sent = await writing(place.agents)
    await chat.send("Stop. Only the short version.", while_running="interrupt")
    messages = await chat.when_idle()
    reply.release.set()
    assert (messages[1]["status"], messages[1]["interrupted"]) == ("cancelled", True)
    assert TEXT.startswith(said(messages[1]))
    assert said(messages[1])
    assert said(messages[3]) == "Sorry."
    assert (await place.agents.get(sent["job_id"]))["status"] == "cancelled"
    shown = texts(place.upstream.bodies[1]["messages"][1])
    assert shown.startswith(said(messages[1]))
    assert "The user interrupted this reply." in shown


async def test_interrupt_keeps_the_order_of_queued_messages(place: Place) -> None:
    chat, reply, _ = await writing(place.agents)
    await chat.send("Two")
    await chat.send("Three", while_running="interrupt")
    messages = await chat.when_idle()
    reply.release.set()
    assert [said(one) for one in messages[2:]] == ["Two", "Sorry.", "Three", "Later."]


async def test_reject_leaves_the_session_as_it_was(place: Place) -> None:
    chat, reply, sent = await writing(place.agents)
    refused = await chat.send("Two", while_running="reject", status=409)
    assert (refused["code"], refused["job_id"]) == ("session_busy", sent["job_id"])
    reply.release.set()
    messages = await chat.when_idle()
    assert len(messages) == 2
    await chat.send("Two", while_running="reject")
    assert len(await chat.when_idle()) == 4


async def test_cancel_ends_the_turn_and_starts_the_next(place: Place) -> None:
    chat, reply, _ = await writing(place.agents)
    await chat.send("Two")
    response = await chat.http.post(f"/v1/sessions/{chat.id}/cancel")
    assert response.status_code == 200, response.text
    messages = await chat.when_idle()
    reply.release.set()
    assert [one["status"] for one in messages[1::2]] == ["cancelled", "succeeded"]


async def test_job_that_is_canceled_in_the_queue_does_not_block_the_session(pushed: Agents) -> None:
    pushed.upstream.script = [says("Two."), says("Four.")]
    chat = await started(pushed)
    sent = [await chat.send(f"Question {number}") for number in range(1, 5)]
    for number in (0, 2):
        response = await chat.http.post(f"/v1/jobs/{sent[number]['job_id']}/cancel")
        assert response.status_code == 200, response.text
    async with pushed.running_worker():
        messages = await chat.when_idle()
    assert [one["status"] for one in messages[1::2]] == ["cancelled", "succeeded"] * 2
    assert [said(one) for one in messages[3::4]] == ["Two.", "Four."]


async def test_queue_of_a_session_is_limited(working: Agents) -> None:
    gate = asyncio.Event()
    working.tools = [CountingTool(gate=gate)]
    working.upstream.script = [says({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}})]
    chat = await started(working)
    for number in range(21):
        await chat.send(f"Question {number}")
    refused = await chat.send("One more", status=429)
    assert refused["code"] == "too_many_queued_messages"
    await chat.http.delete(f"/v1/sessions/{chat.id}")
    gate.set()
