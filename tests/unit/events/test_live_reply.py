"""A follower never shows a reply without its beginning, or with a gap."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from puras.cli.live_text import LiveText

from backend.core.notifications import Delta
from backend.core.partial_replies import PartialReply
from backend.execution.events.live_reply import LiveReply

JOB = uuid4()


class Follower:
    """Shows what a client would show of the parts it receives."""

    def __init__(self, kept: PartialReply | None = None, *, is_resumed: bool = False) -> None:
        self.kept = kept
        self.live = LiveReply(self._read, JOB, is_resumed=is_resumed)
        self.shown = ""
        self.parts: list[Any] = []

    async def _read(self) -> PartialReply | None:
        return self.kept

    async def join(self) -> None:
        """Read the text so far."""
        self._show(await self.live.join())

    async def take(self, text: str, offset: int, *, reply: str = "a", step: int = 1) -> None:
        """Receive a part."""
        self._show(await self.live.take([Delta(JOB, step, text, reply=reply, offset=offset).as_body()]))

    def _show(self, bodies: list[str]) -> None:
        for body in bodies:
            part = json.loads(body)
            self.parts.append(part)
            self.shown = part["text"] if part.get("restart") else self.shown + part["text"]


async def test_follower_from_the_start_gets_each_part_as_it_is() -> None:
    follower = Follower()
    await follower.join()
    await follower.take("Owls ", 0)
    await follower.take("fly.", 5)
    assert [part["text"] for part in follower.parts] == ["Owls ", "fly."]
    assert {*follower.parts[0]} == {"job_id", "step", "text"}


async def test_follower_who_joins_gets_the_text_so_far_and_no_part_twice() -> None:
    follower = Follower(PartialReply(1, "a", "Owls fly "))
    await follower.join()
    assert follower.shown == "Owls fly "
    for text, offset in (("Owls ", 0), ("fly ", 5), ("at night.", 9)):
        await follower.take(text, offset)
    assert follower.shown == "Owls fly at night."


async def test_lost_part_is_repaired_and_otherwise_hides_the_rest() -> None:
    follower = Follower()
    await follower.join()
    await follower.take("Owls ", 0)
    await follower.take("at night.", 9)
    assert follower.shown == "Owls ", "nothing after a gap"
    follower.live._reread_at = 0.0
    follower.kept = PartialReply(1, "a", "Owls fly at night. Bats ")
    await follower.take(" Bats ", 18)
    assert follower.shown == "Owls fly at night. Bats "


async def test_reply_of_a_later_attempt_replaces_that_of_a_lost_one() -> None:
    follower = Follower(PartialReply(1, "a", "Owls fly "))
    await follower.join()
    await follower.take("Bats ", 0, reply="b")
    assert (follower.shown, follower.parts[-1]["restart"]) == ("Bats ", True)


async def test_first_part_after_a_reconnection_replaces_what_the_client_has() -> None:
    follower = Follower(is_resumed=True)
    await follower.join()
    await follower.take("Owls", 0)
    assert follower.parts[0]["restart"] is True


async def test_parts_of_a_complete_reply_are_not_sent_after_its_event() -> None:
    follower = Follower(PartialReply(1, "a", "Owls fly "))
    follower.live.note(SimpleNamespace(type="model_response", payload={"step": 1}))  # type: ignore[arg-type]  # its fields
    await follower.join()
    await follower.take("fly ", 5)
    assert follower.parts == []


async def test_next_reply_waits_for_the_event_of_the_one_before() -> None:
    follower = Follower()
    await follower.take("Owls", 0)
    parts = [Delta(JOB, 1, " fly.", reply="a", offset=4), Delta(JOB, 2, "Bats", reply="b")]
    assert [
        json.loads(body)["step"]
        for body in await follower.live.take([one.as_body() for one in parts], has_news=True)
    ] == [1]
    assert [json.loads(body)["step"] for body in await follower.live.take([])] == [2]


def test_terminal_prints_no_text_twice_after_a_reconnection() -> None:
    live = LiveText()
    assert live.rest({"step": 1, "text": "Owls "}) == ("Owls ", False)
    assert live.rest({"step": 1, "text": "Owls fly ", "restart": True}) == ("fly ", False)
    assert live.rest({"step": 1, "text": "", "restart": True}) == ("", True), "the reply starts again"
    assert live.rest({"step": 1, "text": "Bats"}) == ("Bats", False)
    assert live.rest({"step": 2, "text": "No."}) == ("No.", True)
