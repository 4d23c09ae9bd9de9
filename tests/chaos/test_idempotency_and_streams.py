"""Promises under concurrency: one key one job, a cut stream has no gap."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benchmarks.client import Answer, Client
from benchmarks.instance import Running
from tests.chaos.rounds import ROUNDS
from tests.chaos.streams import Event, follow
from tests.chaos.watching import Ask, assert_paid_once, until_ended

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

Tell = Callable[[str], None]


def test_a_hundred_posts_with_one_key_make_one_job_and_one_charge(
    running: Running, client: Client, books: Ask, told: Tell
) -> None:
    def post(body: dict[str, Any]) -> Answer:
        with running.client() as own:
            return own.ask("POST", "/v1/jobs", body, **{"Idempotency-Key": "one-and-the-same"})

    body = {"skill": "noop", "inputs": {"n": 1}, "metadata": {"of": "the hundred"}}
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: post(body), range(100)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert books("select count(*) from jobs where metadata->>'of' = 'the hundred'") == [(1,)]
    refused = post({**body, "inputs": {"n": 2}})
    assert (refused.status, refused.body["code"]) == (422, "idempotency_key_reused")
    assert_paid_once(books, until_ended(client, [answers[0].body["id"]], 20))
    told("100 concurrent posts: 1 job, 1 charge")


def test_a_stream_cut_at_random_places_has_no_gap_and_no_repeat(
    running: Running, client: Client, told: Tell
) -> None:
    job_id = client.submit("talk", lines=300, width=2_000)
    live = follow_with_cuts(running, job_id, cuts=10)
    (whole,) = until_ended(client, [job_id], 30)
    assert whole["status"] == "succeeded"
    expected = client.call("GET", f"/v1/jobs/{job_id}/events")
    assert live == expected
    size = sum(len(json.dumps(event)) for event in expected)
    cuts = 0
    while cuts < 100 * ROUNDS:
        cuts += 10
        assert follow_with_cuts(running, job_id, cuts=10, most_bytes=size // 8) == expected
    told(f"{cuts} cuts in {len(expected)} events of {size:,} bytes: no gap, no repeat")


def test_a_line_of_a_megabyte_reaches_its_followers_whole(running: Running, client: Client) -> None:
    job_id = client.submit("talk", lines=1, width=1_000_000)
    (job,) = until_ended(client, [job_id], 30)
    assert job["status"] == "succeeded"
    events = follow_with_cuts(running, job_id, cuts=0)
    text = "".join(event["payload"]["text"] for event in events if event["type"] == "log")
    assert text.count("x") == 1_000_000


def follow_with_cuts(running: Running, job_id: str, *, cuts: int, most_bytes: int = 20_000) -> list[Event]:
    events: list[Event] = []
    for _ in range(cuts):
        if follow(running, job_id, events, most_bytes=random.randint(1, most_bytes)):
            return events
    while not follow(running, job_id, events):
        pass
    return events
