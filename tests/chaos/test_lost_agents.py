"""Agents whose workers are killed: no reply of a model is bought twice, no finished tool runs twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.test_lost_workers import worker_pids
from tests.chaos.watching import (
    Ask,
    assert_books_add_up,
    assert_ended_once,
    assert_paid_once,
    until,
    until_ended,
    until_idle,
)
from tests.doubles.messages import MessagesServer
from tests.factories.agents import PER_REPLY_MICROS, Held

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

STEPS = 10


def test_agents_killed_at_every_step_go_on_and_buy_nothing_twice(
    running: Running, client: Client, books: Ask, upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    until_idle(books)
    topics = {f"topic-{step}": step for step in range(1, STEPS + 1)}
    held = upstream.script = Held(topics, steps=STEPS, tool="note")
    answered = upstream.answered
    job_ids = [client.submit("wander", topic=topic) for topic in topics]
    until(lambda: len(held.held) == STEPS, 60, "not every run came to its step")
    for pid in worker_pids(books):
        os.kill(pid, signal.SIGKILL)
    held.release.set()
    jobs = until_ended(client, job_ids, 60)
    assert {(job["status"], job["attempt"], job["steps"]) for job in jobs} == {("succeeded", 2, STEPS)}
    assert {job["cost_micros"] for job in jobs} == {STEPS * PER_REPLY_MICROS}
    assert set(held.replies.values()) == {1}
    assert upstream.answered - answered == STEPS * STEPS
    assert notes(running) == {"."}
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)
    assert_books_add_up(running)
    told(f"{STEPS} agents killed, one at each of {STEPS} steps: {STEPS * STEPS} replies bought, none twice")


def notes(running: Running) -> set[str]:
    """What the agents' tool has written: a dot for each time that a call was made."""
    return {file.read_text("ascii") for file in running.home.glob("storage/drive/*/notes/*")}
