"""Calls of one reply: beside each other where that is safe, else one after the other; always told in their order."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.doubles.messages import calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, Counter
from workers.agent.toolbox import MAX_CONCURRENT_CALLS
from workers.agent.types import ToolCall, ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLACES = ("a tree", "a barn", "a roof", "a church", "a wood")


@dataclass
class Meeting(Counter):
    """A tool whose calls wait until as many as may are there together, and which knows how many were at most."""

    expected: int = MAX_CONCURRENT_CALLS
    inside: int = 0
    most: int = 0
    met: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, call: ToolCall, workroom: Any) -> ToolResult:
        """Look, once the others are there, the later ones first."""
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside >= self.expected:
            self.met.set()
        await asyncio.wait_for(self.met.wait(), 10)
        await asyncio.sleep(0.02 / (1 + PLACES.index(call.input["at"])))
        self.inside -= 1
        return await super().run(call, workroom)


async def looked(agents: Agents, tool: Meeting, *more: Any) -> tuple[list[str], int]:
    """What a reply that looks at every place is told, and how many calls were made at once."""
    agents.tools = [tool, *more]
    asked = [calls("look", at=place) for place in PLACES] + [calls(one.name) for one in more]
    agents.upstream.script = [says(*asked), says(calls("set_output", **DONE))]
    assert (await agents.run())["status"] == "succeeded"
    blocks = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert [block["tool_use_id"] for block in blocks] == [call["id"] for call in asked]
    return [block["content"] for block in blocks[: len(PLACES)]], tool.most


async def test_calls_that_only_read_run_three_at_once_and_are_told_in_their_order(agents: Agents) -> None:
    told, most = await looked(agents, Meeting())
    assert (told, most) == ([f"seen: {place}" for place in PLACES], MAX_CONCURRENT_CALLS)


@pytest.mark.parametrize("unsafe", [{"is_read_only": False}, {"runs_alone": True}])
async def test_calls_that_may_change_something_wait_for_each_other(
    agents: Agents, unsafe: dict[str, Any]
) -> None:
    told, most = await looked(agents, replace(Meeting(expected=1), **unsafe))
    assert (told, most) == ([f"seen: {place}" for place in PLACES], 1)


async def test_one_call_that_may_change_something_puts_all_of_its_reply_in_a_row(agents: Agents) -> None:
    _, most = await looked(agents, Meeting(expected=1), Counter(name="write", is_read_only=False))
    assert most == 1
