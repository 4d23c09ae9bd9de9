"""Calls of one reply: concurrent where that is safe, otherwise sequential; results are always in the order of calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.doubles.messages import calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, CountingTool
from workers.agent.toolbox import MAX_CONCURRENT_CALLS
from workers.agent.types import ToolCall, ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")

PLACES = ("a tree", "a barn", "a roof", "a church", "a wood")


@dataclass
class ConcurrentTool(CountingTool):
    """A tool whose calls wait until the maximum number runs concurrently; it records the largest number."""

    expected: int = MAX_CONCURRENT_CALLS
    running: int = 0
    max_running: int = 0
    all_running: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, call: ToolCall, workspace: Any) -> ToolResult:
        """Wait for the other calls; the calls that started last return first."""
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        if self.running >= self.expected:
            self.all_running.set()
        await asyncio.wait_for(self.all_running.wait(), 10)
        await asyncio.sleep(0.02 / (1 + PLACES.index(call.input["at"])))
        self.running -= 1
        return await super().run(call, workspace)


async def call_for_all_places(agents: Agents, tool: ConcurrentTool, *more: Any) -> tuple[list[str], int]:
    """Return the results of a reply that calls the tool for each place, and the largest number of concurrent calls."""
    agents.tools = [tool, *more]
    requested = [calls("look", at=place) for place in PLACES] + [calls(one.name) for one in more]
    agents.upstream.script = [says(*requested), says(calls("set_output", **DONE))]
    assert (await agents.run())["status"] == "succeeded"
    blocks = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert [block["tool_use_id"] for block in blocks] == [call["id"] for call in requested]
    return [block["content"] for block in blocks[: len(PLACES)]], tool.max_running


async def test_read_only_calls_run_concurrently_with_results_in_order(agents: Agents) -> None:
    received, max_running = await call_for_all_places(agents, ConcurrentTool())
    assert (received, max_running) == ([f"seen: {place}" for place in PLACES], MAX_CONCURRENT_CALLS)


@pytest.mark.parametrize("unsafe", [{"is_read_only": False}, {"runs_alone": True}])
async def test_calls_with_side_effects_run_sequentially(agents: Agents, unsafe: dict[str, Any]) -> None:
    received, max_running = await call_for_all_places(agents, replace(ConcurrentTool(expected=1), **unsafe))
    assert (received, max_running) == ([f"seen: {place}" for place in PLACES], 1)


async def test_one_call_with_side_effects_makes_its_reply_sequential(agents: Agents) -> None:
    _, max_running = await call_for_all_places(
        agents, ConcurrentTool(expected=1), CountingTool(name="write", is_read_only=False)
    )
    assert max_running == 1
