"""Agents that are canceled, and agents and functions whose workers are killed: each reply is charged once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

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
from tests.chaos.rounds import ROUNDS
from tests.chaos.test_lost_agents import notes
from tests.chaos.test_lost_workers import worker_pids
from tests.doubles.messages import Answer, MessagesServer, calls, says
from tests.factories.agents import DONE, PER_REPLY_MICROS, Held, place_of

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

STEPS = 10
MAX_CANCEL_S = 5.0
AGENTS = 8
AGENT_STEPS = 5
START_PROCESSES = """
for n in 1 2 3; do
  setsid sh -c 'trap "" TERM HUP; while :; do printf . >> drive/alive.txt; sleep 0.02; done' &
done
wait
"""


class SlowReplies:
    """Replies with a tool call in each step but the last, slowly, so that kills hit all phases of a step."""

    def __init__(self) -> None:
        self.replies: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Answer:
        """Return the reply to a request, and count it."""
        topic, step = place_of(body)
        with self._lock:
            self.replies[topic, step] += 1
        call = calls("set_output", **DONE) if step == AGENT_STEPS else calls("note", at=f"{topic}/{step}")
        return says(call, input_tokens=20, output_tokens=2, pause_s=0.05)


def test_agents_canceled_at_every_step_are_charged_once(
    running: Running,
    client: Client,
    run_query: RunQuery,
    upstream: MessagesServer,
    record: Callable[[str], None],
) -> None:
    until_idle(run_query)
    topics = {f"cancel-{step}": step for step in range(1, STEPS + 1)}
    held = upstream.script = Held(topics, steps=STEPS, tool="note")
    job_ids = [client.submit("wander", topic=topic) for topic in topics]
    until(lambda: len(held.held) == STEPS, 60, "not every run reached its step")
    began = time.monotonic()
    for job_id in job_ids:
        client.call("POST", f"/v1/jobs/{job_id}/cancel")
    jobs = until_ended(client, job_ids, MAX_CANCEL_S)
    took_s = time.monotonic() - began
    held.release.set()
    assert took_s <= MAX_CANCEL_S
    assert [(job["status"], job["steps"]) for job in jobs] == [("cancelled", n) for n in range(STEPS)]
    assert charged_replies(run_query, job_ids) == {
        job_id: (n, n * PER_REPLY_MICROS) for n, job_id in enumerate(job_ids) if n
    }
    assert set(held.replies.values()) == {1}
    assert sum(held.replies.values()) == sum(range(STEPS))
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(run_query, jobs)
    assert_ledger_balances(running)
    record(f"{STEPS} agents cancelled, one at each of {STEPS} steps: all ended within {took_s:.1f} s")


def test_canceled_agent_ends_all_processes_of_its_command(
    client: Client, run_query: RunQuery, upstream: MessagesServer
) -> None:
    upstream.script = lambda _: says(calls("bash", command=START_PROCESSES), input_tokens=20, output_tokens=2)
    job_id = client.submit("shell", topic="processes")
    until(lambda: output_size(client) > 20, 30, "the command does not run")
    began = time.monotonic()
    client.call("POST", f"/v1/jobs/{job_id}/cancel")
    (job,) = until_ended(client, [job_id], MAX_CANCEL_S)
    assert time.monotonic() - began <= MAX_CANCEL_S
    count = output_size(client)
    time.sleep(0.3)  # each process that still exists would write fifteen times
    assert output_size(client) == count
    assert (job["status"], charged_replies(run_query, [job_id])) == (
        "cancelled",
        {job_id: (1, PER_REPLY_MICROS)},
    )
    assert_ended_once(client, job)
    assert_paid_once(run_query, [job])


def test_agents_and_functions_survive_killed_workers(
    running: Running,
    client: Client,
    run_query: RunQuery,
    upstream: MessagesServer,
    record: Callable[[str], None],
) -> None:
    until_idle(run_query)
    replies = upstream.script = SlowReplies()
    agents: list[str] = []
    functions: list[str] = []
    killed: list[int] = []
    for n in range(ROUNDS):
        agents += [client.submit("wander", topic=f"walk-{n}-{walk}") for walk in range(AGENTS)]
        functions += [client.submit("nap", seconds=0.3) for _ in range(AGENTS)]
        for _ in range(2):
            until(partial(can_kill, run_query, agents, killed), 60, "no agent runs")
            time.sleep(random.uniform(0.0, 0.3))  # the time is random on purpose
            killed.append(random.choice(pids_that_run_agents(run_query, killed) or worker_pids(run_query)))
            with contextlib.suppress(ProcessLookupError):
                os.kill(killed[-1], signal.SIGKILL)
    agent_jobs = until_ended(client, agents, 60 * ROUNDS)
    jobs = agent_jobs + until_ended(client, functions, 60 * ROUNDS)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert {(job["steps"], job["result"]["score"]) for job in agent_jobs} == {(AGENT_STEPS, DONE["score"])}
    assert charged_replies(run_query, agents) == dict.fromkeys(
        agents, (AGENT_STEPS, AGENT_STEPS * PER_REPLY_MICROS)
    )
    assert notes(running, "walk-") == {"."}
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(run_query, jobs)
    assert_ledger_balances(running)
    again = sum(job["attempt"] > 1 for job in agent_jobs)
    assert again, "no agent was hit"
    lost_replies = sum(replies.replies.values()) - len(agents) * AGENT_STEPS
    assert lost_replies <= sum(job["attempt"] - 1 for job in agent_jobs), (
        "more replies than those that were lost with a worker"
    )
    record(
        f"{2 * ROUNDS} workers killed under {len(jobs)} jobs: {again} agents continued, each reply charged once"
    )


def can_kill(run_query: RunQuery, agents: list[str], killed: list[int]) -> bool:
    """Return whether agents run in a live process, or all agents have ended and another worker exists."""
    rows = run_query("select id::text from jobs where finished_at is not null")
    have_ended = set(agents) <= {str(job_id) for (job_id,) in rows}
    return bool(pids_that_run_agents(run_query, killed) or (have_ended and worker_pids(run_query)))


def pids_that_run_agents(run_query: RunQuery, killed: list[int]) -> list[int]:
    """Return the worker processes in which agents run."""
    rows = run_query(
        "select distinct w.pid from workers w join jobs j on j.worker_id = w.id "
        "where j.status = 'running' and j.skill_name = 'wander'"
    )
    return [int(str(pid)) for (pid,) in rows if int(str(pid)) not in killed]


def charged_replies(run_query: RunQuery, job_ids: list[str]) -> dict[str, tuple[int, int]]:
    """Return the number of charged replies of each job, each of another step, and their total cost."""
    rows = run_query("select job_id::text, step, billed_micros from usage_events where kind = 'model'")
    found: dict[str, list[tuple[object, int]]] = {}
    for job_id, step, micros in rows:
        if job_id in job_ids:
            found.setdefault(str(job_id), []).append((step, int(str(micros))))
    assert all(len({step for step, _ in lines}) == len(lines) for lines in found.values()), "one step twice"
    return {job_id: (len(lines), sum(micros for _, micros in lines)) for job_id, lines in found.items()}


def output_size(client: Client) -> int:
    """Return the size of the file that the processes of the command write."""
    response = client.request("GET", "/v1/drive/files/alive.txt")
    return len(response.body) if response.status == 200 else 0
