"""The stream of a session: all turns, live text, and continuation after any frame."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.doubles.messages import says
from tests.integration.sessions.conftest import Place, frames_of, said, started

pytestmark = pytest.mark.asyncio(loop_scope="module")


def client_of(place: Place) -> httpx.AsyncClient:
    """Return a client over a socket."""
    headers = {"Authorization": f"Bearer {place.key}"}
    return httpx.AsyncClient(base_url=place.url.removesuffix("/v1/openai"), headers=headers, timeout=30)


async def whole(place: Place, session_id: str, last_id: str = "") -> list[tuple[str, str, Any]]:
    """Return all frames after an ID, until no turn runs."""
    async with (
        client_of(place) as client,
        client.stream(
            "GET", f"/v1/sessions/{session_id}/stream?follow=false", headers={"Last-Event-ID": last_id}
        ) as response,
    ):
        assert response.status_code == 200, await response.aread()
        return [frame async for frame in frames_of(response)]


async def shown_reply(place: Place, session_id: str) -> str:
    """Follow a session from now on, and return the live text that its page shows before the complete reply."""
    shown = ""
    async with (
        client_of(place) as client,
        client.stream("GET", f"/v1/sessions/{session_id}/stream") as response,
    ):
        async for _, event, data in frames_of(response):
            if event == "delta":
                shown = data["text"] if data.get("restart") else shown + data["text"]
            if event == "model_response":
                break
    return shown


async def test_stream_has_every_turn_and_continues_after_any_frame(place: Place) -> None:
    place.upstream.script = [says("One."), says("Two.")]
    chat = await started(place.agents)
    await chat.send("Question 1")
    await chat.when_idle()
    await chat.send("Question 2")
    await chat.when_idle()
    frames = await whole(place, chat.id)
    said_in_order = [said(data) for _, event, data in frames if event == "message"]
    assert said_in_order == ["Question 1", "One.", "Question 2", "Two."]
    assert frames[-1][1] == "end"
    numbered = [frame for frame in frames if frame[0]]
    assert [one[0] for one in numbered if one[1] == "message"] == ["1.0", "1.end", "2.0", "2.end"]
    assert {one[1] for one in numbered} >= {"queued", "started", "agent_start", "model_response", "succeeded"}
    for position, (last_id, _, _) in enumerate(numbered):
        rest = [frame for frame in await whole(place, chat.id, last_id) if frame[0]]
        assert rest == numbered[position + 1 :], last_id


async def test_open_stream_shows_text_while_it_is_written_and_later_messages(place: Place) -> None:
    text = "Owls fly at night, and no mouse hears them. " * 10
    reply = says(text).but(hold_after=5)
    place.upstream.script = [reply, says("Two.")]
    chat = await started(place.agents)
    events: list[str] = []
    async with (
        client_of(place) as client,
        client.stream("GET", f"/v1/sessions/{chat.id}/stream") as response,
        asyncio.timeout(20),
    ):
        frames = frames_of(response)
        await chat.send("Question 1")
        async for _, event, data in frames:
            events.append(event)
            if event == "delta":
                assert data["turn"] == 1
                break
        joined = asyncio.create_task(shown_reply(place, chat.id))
        await asyncio.sleep(0.3)
        await chat.send("Question 2")
        reply.release.set()
        async for frame_id, event, data in frames:
            events.append(event)
            if frame_id == "2.end":
                assert said(data) == "Two."
                break
        assert (await joined) == text, "who joins in the middle sees the beginning"
    assert events.count("message") == 4


async def test_wrong_position_is_an_error(place: Place) -> None:
    chat = await started(place.agents)
    async with client_of(place) as client:
        response = await client.get(f"/v1/sessions/{chat.id}/stream", headers={"Last-Event-ID": "x"})
    assert response.status_code == 422
    assert "3.17" in response.json()["detail"]
