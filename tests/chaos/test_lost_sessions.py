"""Sessions whose workers are killed at the ends of turns: no message is lost, and no turn sees half of another."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.checks import (
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_idle,
)
from tests.chaos.test_lost_workers import worker_pids
from tests.doubles.messages import Answer, MessagesServer, says

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(420)]

SESSIONS: Final = 4
TURNS: Final = 4
KILLS: Final = 4
TOPIC: Final = re.compile(r'topic: "(s\d+ t\d+)"')


class Talk:
    """Replies with the topic of the last message, and counts what each request has contained of earlier turns."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[str], list[str]]] = []
        """The last topic, the topics before, and the replies before."""

    def __call__(self, body: dict[str, Any]) -> Answer:
        """Return the reply to a request."""
        texts = [
            (one["role"], "".join(block.get("text", "") for block in one["content"]))
            for one in body["messages"]
        ]
        topics = [topic for role, text in texts if role == "user" for topic in TOPIC.findall(text)]
        replies = [text for role, text in texts if role == "assistant"]
        self.requests.append((topics[-1], topics[:-1], replies))
        return says(f"Reply to {topics[-1]}.", input_tokens=20, output_tokens=2)


def test_sessions_killed_between_turns_continue_in_order(
    running: Running,
    client: Client,
    run_query: RunQuery,
    upstream: MessagesServer,
    record: Callable[[str], None],
) -> None:
    until_idle(run_query)
    talk = upstream.script = Talk()
    ids = [client.call("POST", "/v1/sessions", {"skill": "wander"})["id"] for _ in range(SESSIONS)]
    jobs: list[Any] = []
    for turn in range(TURNS):
        for number, session in enumerate(ids):
            sent = client.call("POST", f"/v1/sessions/{session}/messages", {"content": f"s{number} t{turn}"})
            jobs.append(sent["job_id"])
    killed = 0
    while killed < KILLS and client.call("GET", f"/v1/jobs/{jobs[-1]}")["finished_at"] is None:
        if not is_asked_again(talk, run_query):
            break
        time.sleep(0.02 * killed)  # at different moments of a turn and of its end
        for pid in worker_pids(run_query):
            os.kill(pid, signal.SIGKILL)
        killed += 1
    assert killed > 0
    until(lambda: unended_turns(run_query) == 0, 120, "a turn has not ended")
    assert_in_order(client, ids)
    assert_whole(talk)
    ended = [client.call("GET", f"/v1/jobs/{job_id}") for job_id in jobs]
    assert {job["status"] for job in ended} == {"succeeded"}
    for job in ended:
        assert_ended_once(client, job)
    assert_paid_once(run_query, ended)
    assert_ledger_balances(running)
    record(
        f"{SESSIONS} sessions of {TURNS} turns, all workers killed {killed} times: every turn once, in order"
    )


def is_asked_again(talk: Talk, run_query: RunQuery) -> bool:
    """Wait until the model receives another request, and return whether it has: the last turn may already run."""
    before = len(talk.requests)

    def is_over() -> bool:
        return len(talk.requests) > before or unended_turns(run_query) == 0

    until(is_over, 60, "no turn started after a kill")
    return len(talk.requests) > before


def unended_turns(run_query: RunQuery) -> int:
    """Return the number of turns that have not ended."""
    [[count]] = run_query("select count(*) from session_turns where ended_at is null")
    return int(str(count))


def assert_in_order(client: Client, ids: list[str]) -> None:
    """Check that each session has all messages and replies in their order."""
    for number, session in enumerate(ids):
        messages = client.call("GET", f"/v1/sessions/{session}/messages")
        texts = ["".join(block["text"] for block in one["content"]) for one in messages]
        pairs = [(f"s{number} t{turn}", f"Reply to s{number} t{turn}.") for turn in range(TURNS)]
        assert texts == [text for pair in pairs for text in pair]


def assert_whole(talk: Talk) -> None:
    """Check that each request to the model had all earlier turns of its session, and nothing else."""
    for topic, topics, replies in talk.requests:
        name, _, turns_before = topic.partition(" t")
        assert topics == [f"{name} t{before}" for before in range(int(turns_before))]
        assert replies == [f"Reply to {before}." for before in topics]
