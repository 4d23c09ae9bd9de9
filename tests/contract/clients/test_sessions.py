"""Sessions with `Client`, `AsyncClient` and the command `puras chat`."""

from __future__ import annotations

import json

import pytest
from puras import AsyncClient, Client
from puras.client import NotFound

from tests.contract.clients.conftest import Place, Puras

TURNS = ["What is an owl?", "A bird of the night.", "And a lark?", "A bird of the morning."]


def text_of(message: object) -> str:
    """Return the text of a message."""
    assert isinstance(message, dict)
    return "".join(block["text"] for block in message["content"])


def test_client_holds_a_conversation(client: Client) -> None:
    session = client.sessions.create("talk", metadata={"order": 7})
    reply = client.sessions.ask(session["id"], TURNS[0])
    assert (reply["result"], reply["status"]) == ({"answer": TURNS[1]}, "succeeded")
    sent = client.sessions.send(session["id"], TURNS[2])
    assert client.wait(sent["job_id"])["metadata"] == {"order": 7}
    events = list(client.sessions.stream(session["id"], follow=False))
    assert [text_of(one["payload"]) for one in events if one["type"] == "message"] == TURNS
    assert any(one["type"] == "agent_start" and one["turn"] == 2 for one in events)
    [position] = [one["id"] for one in events if one["type"] == "message" and one.get("id") == "1.end"]
    rest = [one.get("id") for one in client.sessions.stream(session["id"], after=position, follow=False)]
    assert next(one for one in rest if one) == "2.0"
    assert [text_of(one) for one in client.sessions.messages(session["id"])] == TURNS
    assert client.sessions.update(session["id"], title="Birds", version=1)["version"] == 1
    assert client.sessions.update(session["id"], version=None)["title"] == "Birds"
    assert session["id"] in [one["id"] for one in client.sessions.list(search="Birds")]
    assert client.sessions.cancel(session["id"])["running_job_id"] is None
    client.sessions.delete(session["id"])
    with pytest.raises(NotFound):
        client.sessions.get(session["id"])


async def test_async_client_holds_a_conversation(place: Place) -> None:
    async with AsyncClient(place.key, api_base=place.address) as client:
        session = await client.sessions.create("talk")
        reply = await client.sessions.ask(session["id"], TURNS[0])
        await client.sessions.send(session["id"], TURNS[2])
        events = [one async for one in client.sessions.stream(session["id"], follow=False)]
        listed = [one["id"] async for one in client.sessions.list(skill="talk")]
        await client.sessions.delete(session["id"])
    assert text_of(reply) == TURNS[1]
    assert [text_of(one["payload"]) for one in events if one["type"] == "message"] == TURNS
    assert session["id"] in listed


def test_chat_talks_in_the_terminal_and_continues_a_session(puras: Puras) -> None:
    ran = puras("chat", "talk", typed=f"{TURNS[0]}\n/exit\n")
    assert "Simulated" in ran.out
    assert "$0.000000 · job" in ran.err
    session = ran.err.rsplit("--session ", 1)[1].strip()
    lines = puras("chat", "--session", session, "-m", TURNS[2], "--json").out.splitlines()
    [reply] = [json.loads(line) for line in lines]
    assert (reply["turn"], text_of(reply)) == (2, TURNS[3])
    piped = puras("chat", "talk", "--json", given=f"{TURNS[0]}\n\n{TURNS[2]}\n").out.splitlines()
    assert [text_of(json.loads(line)) for line in piped] == [TURNS[1], TURNS[3]]


def test_chat_explains_wrong_uses(puras: Puras) -> None:
    assert "--session" in puras("chat", code=2).err
    puras("chat", "nothing", "-m", "x", code=4)
    assert "function" in puras("chat", "tally", "-m", "x", code=2).err
    assert "NAME=VALUE" in puras("chat", "talk", "-i", "x", "-m", "x", code=2).err
