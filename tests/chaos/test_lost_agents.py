"""Agents whose workers are killed: no reply of a model is paid twice, no finished tool call is repeated."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.checks import (
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_ended,
    until_idle,
)
from tests.chaos.test_lost_workers import worker_pids
from tests.doubles.messages import Answer, MessagesServer, calls, says
from tests.factories.agents import DONE, PER_REPLY_MICROS, Held

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

STEPS = 10
SHORT_RUN_STEPS = 4


def test_agents_killed_at_every_step_continue_and_pay_once(
    running: Running,
    client: Client,
    run_query: RunQuery,
    upstream: MessagesServer,
    record: Callable[[str], None],
) -> None:
    until_idle(run_query)
    topics = {f"topic-{step}": step for step in range(1, STEPS + 1)}
    held = upstream.script = Held(topics, steps=STEPS, tool="note")
    answered = upstream.answered
    job_ids = [client.submit("wander", topic=topic) for topic in topics]
    until(lambda: len(held.held) == STEPS, 60, "not every run reached its step")
    for pid in worker_pids(run_query):
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
    assert_paid_once(run_query, jobs)
    assert_ledger_balances(running)
    record(f"{STEPS} agents killed, one at each of {STEPS} steps: {STEPS * STEPS} replies paid, none twice")


class CallingAgents(Held):
    """Replies that make runs named `caller-…` call another run and submit its result."""

    def reply(self, topic: str, step: int) -> Answer:
        """Return the reply for this step of this topic."""
        if not topic.startswith("caller-"):
            return super().reply(topic, step)
        inputs = {"topic": topic.removeprefix("caller-")}
        call = (
            calls("run_subagent", target="wander", inputs=inputs)
            if step == 1
            else calls("set_output", **DONE)
        )
        return says(call, input_tokens=20, output_tokens=2)


def test_killed_callers_and_their_subjobs_are_charged_once(
    running: Running,
    client: Client,
    run_query: RunQuery,
    upstream: MessagesServer,
    record: Callable[[str], None],
) -> None:
    until_idle(run_query)
    at = {"called-1": 1, "called-2": 3, "called-3": SHORT_RUN_STEPS, "caller-called-4": 2}
    held = upstream.script = CallingAgents(at, steps=SHORT_RUN_STEPS, tool="note")
    callers = [client.submit("wander", topic=f"caller-called-{n}") for n in range(1, 5)]
    until(lambda: len(held.held) == len(at), 60, "not every run reached its step")
    for pid in worker_pids(run_query):
        os.kill(pid, signal.SIGKILL)
    held.release.set()
    jobs = until_ended(client, callers, 60)
    assert {(job["status"], job["attempt"]) for job in jobs} == {("succeeded", 2)}
    assert set(held.replies.values()) == {1}
    assert {job["cost_micros"] for job in jobs} == {(2 + SHORT_RUN_STEPS) * PER_REPLY_MICROS}
    assert {job["subjob_cost_micros"] for job in jobs} == {SHORT_RUN_STEPS * PER_REPLY_MICROS}
    paid = {
        str(caller): (own, called)
        for caller, own, called in run_query("""
        select p.id, (select -sum(amount_micros)::int from ledger_entries where job_id = p.id and account = 'wallet'),
               (select -sum(amount_micros)::int from ledger_entries where job_id = c.id and account = 'wallet')
        from jobs p join jobs c on c.parent_job_id = p.id
        """)
        if str(caller) in callers
    }
    assert paid == dict.fromkeys(callers, (2 * PER_REPLY_MICROS, SHORT_RUN_STEPS * PER_REPLY_MICROS))
    for job in jobs:
        assert_ended_once(client, job)
    assert_ledger_balances(running)
    record(f"{len(at)} callers killed with their subjobs: one call each, every reply paid once, one charge")


def notes(running: Running, topics: str) -> set[str]:
    """Return the output of the tool of the agents with these topics: a dot for each call."""
    return {file.read_text("ascii") for file in running.home.glob(f"storage/drive/*/notes/{topics}*")}
