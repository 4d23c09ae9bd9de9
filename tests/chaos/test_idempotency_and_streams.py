"""Guarantees under concurrency: one idempotency key creates one job, and a cut stream has no gap."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from benchmarks.client import Client, Response
from benchmarks.instance import Running
from tests.chaos.checks import RunQuery, assert_paid_once, until_ended
from tests.chaos.rounds import ROUNDS
from tests.chaos.streams import Event, follow

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

Record = Callable[[str], None]


def test_concurrent_posts_with_one_key_create_one_job_and_one_charge(
    running: Running, client: Client, run_query: RunQuery, record: Record
) -> None:
    def post(body: dict[str, Any]) -> Response:
        with running.client() as own_client:
            return own_client.request("POST", "/v1/jobs", body, **{"Idempotency-Key": "one-and-the-same"})

    body = {"skill": "noop", "inputs": {"n": 1}, "metadata": {"of": "the hundred"}}
    with ThreadPoolExecutor(20) as threads:
        responses = list(threads.map(lambda _: post(body), range(100)))
    assert {response.status for response in responses} == {201}
    assert len({response.body["id"] for response in responses}) == 1
    assert sum("idempotent-replayed" not in response.headers for response in responses) == 1
    assert run_query("select count(*) from jobs where metadata->>'of' = 'the hundred'") == [(1,)]
    rejected = post({**body, "inputs": {"n": 2}})
    assert (rejected.status, rejected.body["code"]) == (422, "idempotency_key_reused")
    assert_paid_once(run_query, until_ended(client, [responses[0].body["id"]], 20))
    record("100 concurrent posts: 1 job, 1 charge")


def test_stream_cut_at_random_positions_has_no_gap_and_no_repeat(
    running: Running, client: Client, record: Record
) -> None:
    job_id = client.submit("talk", lines=300, width=2_000)
    live = follow_with_cuts(running, job_id, cuts=10)
    (job,) = until_ended(client, [job_id], 30)
    assert job["status"] == "succeeded"
    expected = client.call("GET", f"/v1/jobs/{job_id}/events")
    assert live == expected
    size = sum(len(json.dumps(event)) for event in expected)
    cuts = 0
    while cuts < 100 * ROUNDS:
        cuts += 10
        assert follow_with_cuts(running, job_id, cuts=10, max_bytes=size // 8) == expected
    record(f"{cuts} cuts in {len(expected)} events of {size:,} bytes: no gap, no repeat")


def test_line_of_one_megabyte_is_streamed_completely(running: Running, client: Client) -> None:
    job_id = client.submit("talk", lines=1, width=1_000_000)
    (job,) = until_ended(client, [job_id], 30)
    assert job["status"] == "succeeded"
    events = follow_with_cuts(running, job_id, cuts=0)
    text = "".join(event["payload"]["text"] for event in events if event["type"] == "log")
    assert text.count("x") == 1_000_000


def follow_with_cuts(running: Running, job_id: str, *, cuts: int, max_bytes: int = 20_000) -> list[Event]:
    """Follow a job with this number of cut connections, and return its events."""
    events: list[Event] = []
    for _ in range(cuts):
        if follow(running, job_id, events, max_bytes=random.randint(1, max_bytes)):
            return events
    while not follow(running, job_id, events):
        pass
    return events
