"""N3: a turn of an agent with one reply and one tool call, compared with the SDK in a loop on the same server."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from anthropic import AsyncAnthropic
from anthropic.types.beta import BetaMessageParam, BetaToolParam

from benchmarks.client import Client
from benchmarks.instance import instance
from benchmarks.measurement import Measurement, Row
from benchmarks.numbers import milliseconds, report_progress
from benchmarks.upstream import SKILL, ModelRequest, Upstream, upstream

STEPS: Final = 41
WARM_UP: Final = 2
OURS, PEERS = "ours", "peers"
_TOOLS: Final[list[BetaToolParam]] = [
    {"name": name, "description": "Does it.", "input_schema": {"type": "object"}}
    for name in ("todo_write", "set_output")
]


def measure(rounds: int) -> Measurement:
    """Measure both alternately; a turn is the time between two requests of a conversation at the model server."""
    with upstream(steps=STEPS) as server:
        with (
            instance(None, **server.settings(), PURAS_WORKER_PROCESSES="1") as running,
            running.client() as client,
        ):
            client.push(SKILL)
            for n in range(WARM_UP + rounds):
                kind = "" if n < WARM_UP else str(n)
                _run_job(client, f"{OURS}{kind}")
                asyncio.run(_converse(server, f"{PEERS}{kind}"))
        requests = server.requests()
    ours, peers = (
        _turns(one for one in requests if one.topic.startswith(kind) and one.topic != kind)
        for kind in (OURS, PEERS)
    )
    more_ms = (statistics.median(ours) - statistics.median(peers)) * 1000
    report_progress(f"N3 agent's turn {milliseconds(ours)}, SDK in a loop {milliseconds(peers)}")
    return Measurement(
        "N3",
        (
            Row(
                "all",
                "turn of an agent (one reply, one tool of the worker process) compared with the SDK in a loop on the "
                "same model server",
                "p50 ≤ 5 ms more",
                f"{more_ms:.1f} ms more ({milliseconds(ours)} against {milliseconds(peers)}), both entries of its "
                "journal committed",
                more_ms <= 5,
            ),
        ),
        {"turn_s": ours, "peer_turn_s": peers},
    )


def _turns(requests: Iterable[ModelRequest]) -> list[float]:
    """Return the duration of each turn."""
    times_by_topic: dict[str, list[float]] = defaultdict(list)
    for one in requests:
        times_by_topic[one.topic].append(one.at)
    return [
        later - earlier for times in times_by_topic.values() for earlier, later in itertools.pairwise(times)
    ]


def _run_job(client: Client, topic: str) -> None:
    job = client.run("turns", {"topic": topic})
    if (job["status"], job["steps"]) != ("succeeded", STEPS):
        raise RuntimeError(f"the agent failed: {job}")


async def _converse(server: Upstream, topic: str) -> None:
    """Run the peer: a typical loop with only the SDK."""
    async with AsyncAnthropic(base_url=server.url, api_key="key", max_retries=0) as model:
        messages: list[BetaMessageParam] = [{"role": "user", "content": f'topic: "{topic}"'}]
        while True:
            async with model.beta.messages.stream(
                model="claude-haiku-4-5", max_tokens=1024, messages=messages, tools=_TOOLS
            ) as stream:
                reply = await stream.get_final_message()
            results: list[Any] = []
            for block in reply.content:
                if block.type == "tool_use":
                    if block.name == "set_output":
                        return
                    note = f"{len(str(block.input))} characters"
                    results.append({"type": "tool_result", "tool_use_id": block.id, "content": note})
            messages += [
                {"role": "assistant", "content": reply.content},
                {"role": "user", "content": results},
            ]
