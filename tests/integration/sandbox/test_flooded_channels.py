"""A job that floods its channels to the worker does not block the event loop."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from workers.runners.deterministic import DeterministicRunner
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]
MAX_STEP_S = 0.25  # of CPU time: a normal step takes some milliseconds
PRIVATE = """
    import os
    def run(inputs):
        data = {line!r} * {count}
        while data:
            data = data[os.write(3, data):]
    """
EVENTS = """
    import socket, time
    def run(inputs):
        events = socket.socket(fileno=4)
        events.setblocking(False)
        end = time.time() + 0.7
        while time.time() < end:
            try:
                events.send({line!r} * {count})
            except BlockingIOError:
                time.sleep(0.001)
        events.detach()
        return "flooded"
    """
RESPONSE = """
    import os
    def run(inputs):
        data = b'{"type":"value","value":[' + b"[]," * 1_000_000 + b"1]}\\n"
        while data:
            data = data[os.write(3, data):]
    """


async def _longest_step(until: asyncio.Future[Any]) -> float:
    """Return the CPU time of the longest step of the event loop; other programs of the host do not count."""
    longest = 0.0
    gc.freeze()  # a garbage collection of all test modules takes longer than a step may
    try:
        while not until.done():
            before = time.thread_time()
            await asyncio.sleep(0.001)
            longest = max(longest, time.thread_time() - before)
    finally:
        gc.unfreeze()
    return longest


@pytest.mark.parametrize(
    ("code", "ends"),
    [
        (PRIVATE.format(line=b"\n", count=4_000_000), "bad_result"),
        (PRIVATE.format(line=b"{}\n", count=1_000_000), "crashed"),
        (EVENTS.format(line=b"\n", count=200_000), "flooded"),
        (EVENTS.format(line=b"[[\n", count=60_000), "flooded"),
        (RESPONSE, "value"),
    ],
    ids=["private empty", "private objects", "events empty", "events broken", "large response"],
)
async def test_flood_does_not_block_the_event_loop(
    runner: DeterministicRunner, skill: Skill, recorder: Any, code: str, ends: str
) -> None:
    assignment = skill(code)
    limits = replace(assignment.limits, output_mb=8, memory_mb=512)
    job = asyncio.create_task(runner.run(replace(assignment, limits=limits), recorder))
    try:
        async with asyncio.timeout(20):
            longest = await _longest_step(job)
        outcome = job.result()
    finally:
        job.cancel()
        with suppress(asyncio.CancelledError):
            await job
    assert longest < MAX_STEP_S
    if isinstance(outcome, Failure):
        assert outcome.code == ends
    else:
        assert isinstance(outcome, Success)
        assert ends == "value" or outcome.value == ends


async def test_kit_events_around_a_flood_keep_their_order(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    code = """
        import socket, puras
        def run(inputs):
            puras.log.info("before")
            events = socket.socket(fileno=4)
            events.send(b"\\n" * 500 + b'{"type":"log","text":"within"}\\n')
            events.detach()
            puras.log.info("after")
            return 1
        """
    assert isinstance(await runner.run(skill(code), recorder), Success)
    assert [body["text"] for body in recorder.of("log") if body["stream"] == "log"] == [
        "before",
        "within",
        "after",
    ]
