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
from tests.doubles.messages import Answer, MessagesServer, calls, says
from tests.factories.agents import DONE, PER_REPLY_MICROS, Held

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

STEPS = 10
SHORT = 4


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
    assert notes(running, "topic-") == {"."}
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)
    assert_books_add_up(running)
    told(f"{STEPS} agents killed, one at each of {STEPS} steps: {STEPS * STEPS} replies bought, none twice")


class Families(Held):
    """Runs named `caller-…` have another one do the work, and hand in what it gave."""

    def reply(self, topic: str, step: int) -> Answer:
        """What this step of this topic is answered."""
        if not topic.startswith("caller-"):
            return super().reply(topic, step)
        inputs = {"topic": topic.removeprefix("caller-")}
        made = (
            calls("run_subagent", target="wander", inputs=inputs)
            if step == 1
            else calls("set_output", **DONE)
        )
        return says(made, input_tokens=20, output_tokens=2)


def test_callers_and_what_they_have_called_are_killed_together_and_pay_one_bill(
    running: Running, client: Client, books: Ask, upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    until_idle(books)
    at = {"called-1": 1, "called-2": 3, "called-3": SHORT, "caller-called-4": 2}
    held = upstream.script = Families(at, steps=SHORT, tool="note")
    callers = [client.submit("wander", topic=f"caller-called-{n}") for n in range(1, 5)]
    until(lambda: len(held.held) == len(at), 60, "not every run came to its step")
    for pid in worker_pids(books):
        os.kill(pid, signal.SIGKILL)
    held.release.set()
    jobs = until_ended(client, callers, 60)
    assert {(job["status"], job["attempt"]) for job in jobs} == {("succeeded", 2)}
    assert set(held.replies.values()) == {1}
    assert {job["cost_micros"] for job in jobs} == {(2 + SHORT) * PER_REPLY_MICROS}
    assert {job["called_cost_micros"] for job in jobs} == {SHORT * PER_REPLY_MICROS}
    paid = {
        str(caller): (own, called)
        for caller, own, called in books("""
        select p.id, (select -sum(amount_micros)::int from ledger_entries where job_id = p.id and account = 'wallet'),
               (select -sum(amount_micros)::int from ledger_entries where job_id = c.id and account = 'wallet')
        from jobs p join jobs c on c.parent_job_id = p.id
        """)
        if str(caller) in callers
    }
    assert paid == dict.fromkeys(callers, (2 * PER_REPLY_MICROS, SHORT * PER_REPLY_MICROS))
    for job in jobs:
        assert_ended_once(client, job)
    assert_books_add_up(running)
    told(
        f"{len(at)} callers killed with what they had called: one call each, every reply bought once, one bill"
    )


def notes(running: Running, topics: str) -> set[str]:
    """What the tool of the agents with these topics has written: a dot for each time that a call was made."""
    return {file.read_text("ascii") for file in running.home.glob(f"storage/drive/*/notes/{topics}*")}
