"""Promises under concurrency: one key one job, a job keeps its version, a cut stream has no gap."""

from __future__ import annotations

import http.client
import json
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from benchmarks.instance import Client, Running
from tests.chaos.skills import SKILLS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


def test_a_hundred_posts_with_one_key_make_one_job(running: Running) -> None:
    def post(_: int) -> str:
        job = running.client().call(
            "POST",
            "/v1/jobs",
            {"skill": "noop", "inputs": {"n": 1}},
            **{"Idempotency-Key": "one-and-the-same"},
        )
        return str(job["id"])

    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(post, range(100)))) == 1
    with pytest.raises(RuntimeError, match="422"):
        running.client().call(
            "POST",
            "/v1/jobs",
            {"skill": "noop", "inputs": {"n": 2}},
            **{"Idempotency-Key": "one-and-the-same"},
        )


def test_every_job_ends_on_the_version_it_was_submitted_to(running: Running) -> None:
    client = running.client()
    first = next(one for one in client.call("GET", "/v1/deployments") if one["is_active"])
    submitted: dict[str, int] = {}

    def submit(version: int, count: int) -> None:
        for _ in range(count):
            job = client.call("POST", "/v1/jobs", {"skill": "version", "inputs": {"seconds": 0.05}})
            submitted[job["id"]] = version

    submit(1, 40)
    main = SKILLS["skills/version/main.py"].replace(b'"version": 1', b'"version": 2')
    client.push({**SKILLS, "skills/version/main.py": main})
    submit(2, 40)
    client.call("POST", f"/v1/deployments/{first['id']}/activate")
    submit(1, 40)
    for job_id, version in submitted.items():
        job = client.call("GET", f"/v1/jobs/{job_id}?wait=true&timeout=55")
        assert (job["status"], job["result"]) == ("succeeded", {"version": version})


def test_a_stream_cut_at_random_places_has_no_gap_and_no_repeat(running: Running) -> None:
    client = running.client()
    job_id = client.call("POST", "/v1/jobs", {"skill": "talk", "inputs": {"lines": 400}})["id"]
    whole = client.call("GET", f"/v1/jobs/{job_id}?wait=true&timeout=55")
    assert whole["status"] == "succeeded"
    expected = client.call("GET", f"/v1/jobs/{job_id}/events")
    for _ in range(20):
        assert follow_with_cuts(running, job_id, cuts=5) == expected


def test_a_live_stream_gives_what_the_list_gives_afterwards(running: Running) -> None:
    client: Client = running.client()
    job_id = client.call("POST", "/v1/jobs", {"skill": "talk", "inputs": {"lines": 200, "width": 2000}})["id"]
    live = follow_with_cuts(running, job_id, cuts=3)
    assert live == client.call("GET", f"/v1/jobs/{job_id}/events")
    assert live[-1]["type"] == "succeeded"


def follow_with_cuts(running: Running, job_id: str, *, cuts: int) -> list[dict[str, object]]:
    events: list[dict[str, object]] = []
    for _ in range(cuts):
        if not follow(running, job_id, events, most_bytes=random.randint(1, 20_000)):
            break
    while not follow(running, job_id, events, most_bytes=None):
        pass
    return events


def follow(running: Running, job_id: str, events: list[dict[str, object]], *, most_bytes: int | None) -> bool:
    """Read frames onto `events`, and drop the connection after so many bytes; True when the stream said its end."""
    after = events[-1]["id"] if events else 0
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)) as connection:
        headers = {"Authorization": f"Bearer {running.api_key}", "Last-Event-ID": str(after)}
        connection.request("GET", f"/v1/jobs/{job_id}/stream", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 200
        text = answer.read(most_bytes) if most_bytes is not None else answer.read()
    whole, _, _ = text.rpartition(b"\n\n")
    is_ended = False
    for block in whole.split(b"\n\n"):
        fields = dict(
            line.split(b": ", 1) for line in block.split(b"\n") if b": " in line and not line.startswith(b":")
        )
        if fields.get(b"event") == b"end":
            is_ended = True
        elif b"data" in fields:
            events.append(json.loads(fields[b"data"]))
    return is_ended
