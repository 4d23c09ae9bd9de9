"""Agents that are cancelled, and agents whose workers are killed beside functions: each reply is booked once."""

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
from tests.chaos.rounds import ROUNDS
from tests.chaos.test_lost_agents import notes
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
from tests.factories.agents import DONE, PER_REPLY_MICROS, Held, place_of

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

STEPS = 10
MAX_CANCEL_S = 5.0
WALKS = 8
STRIDES = 5
FAMILY = """
for n in 1 2 3; do
  setsid sh -c 'trap "" TERM HUP; while :; do printf . >> drive/pack.txt; sleep 0.02; done' &
done
wait
"""


class Walking:
    """Notes a place in every step but the last, a little slowly, so that workers are lost at every moment of a step."""

    def __init__(self) -> None:
        self.replies: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    def __call__(self, body: dict[str, Any]) -> Answer:
        topic, step = place_of(body)
        with self._lock:
            self.replies[topic, step] += 1
        made = calls("set_output", **DONE) if step == STRIDES else calls("note", at=f"{topic}/{step}")
        return says(made, input_tokens=20, output_tokens=2, pause_s=0.05)


def test_agents_can_be_cancelled_at_every_step_and_what_was_bought_is_booked_once(
    running: Running, client: Client, books: Ask, upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    until_idle(books)
    topics = {f"cancel-{step}": step for step in range(1, STEPS + 1)}
    held = upstream.script = Held(topics, steps=STEPS, tool="note")
    job_ids = [client.submit("wander", topic=topic) for topic in topics]
    until(lambda: len(held.held) == STEPS, 60, "not every run came to its step")
    began = time.monotonic()
    for job_id in job_ids:
        client.call("POST", f"/v1/jobs/{job_id}/cancel")
    jobs = until_ended(client, job_ids, MAX_CANCEL_S)
    took_s = time.monotonic() - began
    held.release.set()
    assert took_s <= MAX_CANCEL_S
    assert [(job["status"], job["steps"]) for job in jobs] == [("cancelled", n) for n in range(STEPS)]
    assert booked(books, job_ids) == {
        job_id: (n, n * PER_REPLY_MICROS) for n, job_id in enumerate(job_ids) if n
    }
    assert set(held.replies.values()) == {1}
    assert sum(held.replies.values()) == sum(range(STEPS))
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)
    assert_books_add_up(running)
    told(f"{STEPS} agents cancelled, one at each of {STEPS} steps: all ended within {took_s:.1f} s")


def test_an_agent_that_is_cancelled_ends_with_all_that_its_command_has_started(
    client: Client, books: Ask, upstream: MessagesServer
) -> None:
    upstream.script = lambda _: says(calls("bash", command=FAMILY), input_tokens=20, output_tokens=2)
    job_id = client.submit("shell", topic="a pack")
    until(lambda: howls(client) > 20, 30, "the command does not run")
    began = time.monotonic()
    client.call("POST", f"/v1/jobs/{job_id}/cancel")
    (job,) = until_ended(client, [job_id], MAX_CANCEL_S)
    assert time.monotonic() - began <= MAX_CANCEL_S
    count = howls(client)
    time.sleep(0.3)  # fifteen of each process, if one were left
    assert howls(client) == count
    assert (job["status"], booked(books, [job_id])) == ("cancelled", {job_id: (1, PER_REPLY_MICROS)})
    assert_ended_once(client, job)
    assert_paid_once(books, [job])


def test_agents_and_functions_survive_the_killing_of_their_workers_together(
    running: Running, client: Client, books: Ask, upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    until_idle(books)
    walking = upstream.script = Walking()
    agents: list[str] = []
    functions: list[str] = []
    killed: list[int] = []
    for n in range(ROUNDS):
        agents += [client.submit("wander", topic=f"walk-{n}-{walk}") for walk in range(WALKS)]
        functions += [client.submit("nap", seconds=0.3) for _ in range(WALKS)]
        for _ in range(2):
            until(partial(is_time_to_kill, books, agents, killed), 60, "no agent runs")
            time.sleep(random.uniform(0.0, 0.3))  # the moment is the matter
            killed.append(random.choice(under_agents(books, killed) or worker_pids(books)))
            with contextlib.suppress(ProcessLookupError):
                os.kill(killed[-1], signal.SIGKILL)
    walked = until_ended(client, agents, 60 * ROUNDS)
    jobs = walked + until_ended(client, functions, 60 * ROUNDS)
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert {(job["steps"], job["result"]["score"]) for job in walked} == {(STRIDES, DONE["score"])}
    assert booked(books, agents) == dict.fromkeys(agents, (STRIDES, STRIDES * PER_REPLY_MICROS))
    assert notes(running, "walk-") == {"."}
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)
    assert_books_add_up(running)
    again = sum(job["attempt"] > 1 for job in walked)
    assert again, "no agent was hit"
    unheard = sum(walking.replies.values()) - len(agents) * STRIDES
    assert unheard <= sum(job["attempt"] - 1 for job in walked), (
        "more than the reply that was lost with its worker"
    )
    told(
        f"{2 * ROUNDS} workers killed under {len(jobs)} jobs: {again} agents went on, each reply booked once"
    )


def is_time_to_kill(books: Ask, agents: list[str], killed: list[int]) -> bool:
    """Whether agents run in a living process, or there is another one and none of them will run again."""
    rows = books("select id::text from jobs where finished_at is not null")
    have_ended = set(agents) <= {str(job_id) for (job_id,) in rows}
    return bool(under_agents(books, killed) or (have_ended and worker_pids(books)))


def under_agents(books: Ask, killed: list[int]) -> list[int]:
    """The processes in which agents run now."""
    rows = books(
        "select distinct w.pid from workers w join jobs j on j.worker_id = w.id "
        "where j.status = 'running' and j.skill_name = 'wander'"
    )
    return [int(str(pid)) for (pid,) in rows if int(str(pid)) not in killed]


def booked(books: Ask, job_ids: list[str]) -> dict[str, tuple[int, int]]:
    """How many replies of each job are booked, each for a step of its own, and for how much."""
    rows = books("select job_id::text, step, billed_micros from usage_events where kind = 'model'")
    found: dict[str, list[tuple[object, int]]] = {}
    for job_id, step, micros in rows:
        if job_id in job_ids:
            found.setdefault(str(job_id), []).append((step, int(str(micros))))
    assert all(len({step for step, _ in lines}) == len(lines) for lines in found.values()), "one step twice"
    return {job_id: (len(lines), sum(micros for _, micros in lines)) for job_id, lines in found.items()}


def howls(client: Client) -> int:
    answer = client.ask("GET", "/v1/drive/files/pack.txt")
    return len(answer.body) if answer.status == 200 else 0
