"""The database is restarted and frozen under load: each response is correct or 503, and no job is lost."""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import pytest

from backend.core.db.liveness import MAX_SILENCE_S
from backend.execution.worker_registry.service import LEASE
from benchmarks.client import Client, Response
from benchmarks.instance import Running
from tests.chaos.checks import (
    Job,
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_ended,
    until_idle,
)
from tests.chaos.processes import children_called, frozen
from tests.chaos.rounds import ROUNDS
from tests.chaos.streams import Event, append_frames, stream

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

Record = Callable[[str], None]
RUNNING = "select count(*) from jobs where status = 'running'"
FROZEN_S = LEASE.total_seconds() + 4.0
"""Longer than the lease of a worker: heartbeats are missing although the workers are alive."""


def test_repeated_database_restarts_lose_no_job(
    running: Running, client: Client, run_query: RunQuery, record: Record
) -> None:
    until_idle(run_query)
    with load(running) as loaders:
        for number in range(4 * ROUNDS):
            os.kill(postmaster_of(running), signal.SIGKILL if number % 2 else signal.SIGINT)
            submitted = sum(len(one.job_ids) for one in loaders)
            until(
                lambda: sum(len(one.job_ids) for one in loaders) > submitted + 15,  # noqa: B023
                45,
                "no job was accepted again",
            )
    responses, job_ids = report_of(loaders)
    assert set(responses) <= {200, 201, 503}, responses
    assert responses[503], responses
    assert_done_once(running, client, run_query, job_ids)
    record(
        f"{4 * ROUNDS} restarts under {len(job_ids)} jobs: 0 lost, 0 repeated; "
        f"{responses[200] + responses[201]} correct responses, {responses[503]} times 503 with Retry-After"
    )


def test_frozen_database_blocks_no_request_and_loses_no_job(
    running: Running, client: Client, run_query: RunQuery, record: Record
) -> None:
    slowest_s = 0.0
    for _ in range(ROUNDS):
        until_idle(run_query)
        waiting = in_background(running, lambda app: app.run("once", {"seconds": FROZEN_S / 2}))
        once = [client.submit("once", seconds=FROZEN_S / 2 * number) for number in (1, 3)]
        until(lambda: run_query(RUNNING) == [(3,)], 60, "the jobs did not start")
        with load(running) as loaders, following(running, once[1]) as events:
            with frozen(postgres_of(running)):
                slowest_s = max(slowest_s, slowest_response_while_frozen_s(running))
            until_available(client, 15)
        _, job_ids = report_of(loaders)
        jobs = until_ended(client, once, 45)
        assert {(job["status"], job["attempt"]) for job in [*jobs, waiting.result(60)]} == {("succeeded", 1)}
        assert_done_once(running, client, run_query, [*job_ids, *once])
        assert events == client.call("GET", f"/v1/jobs/{once[1]}/events")
    record(f"{ROUNDS} x frozen for {FROZEN_S:.0f} s: 0 lost, 0 repeated, slowest response {slowest_s:.1f} s")


def slowest_response_while_frozen_s(running: Running) -> float:
    """Return the slowest response time while the database is frozen.

    The first 503 takes seconds, later ones are immediate, and `/health` always responds.
    """
    until_s = time.monotonic() + FROZEN_S
    took_s, health_s = [], []
    with running.client() as client:
        while time.monotonic() < until_s:
            began = time.monotonic()
            assert_unavailable(client.request("GET", "/v1/jobs?limit=1"))
            took_s.append(time.monotonic() - began)
            began = time.monotonic()
            assert client.request("GET", "/health").status == 200
            health_s.append(time.monotonic() - began)
            assert client.request("GET", "/ready").status == 503
            time.sleep(0.2)
    assert took_s[0] < MAX_SILENCE_S + 2.0
    # A single response may be late on a busy host; none may wait for the database.
    for later_s in (took_s[1:], health_s):
        assert statistics.median(later_s) < 1.0, later_s
        assert max(later_s) < MAX_SILENCE_S, later_s
    return max(took_s)


def in_background(running: Running, request: Callable[[Client], Job]) -> Future[Job]:
    """Send a request from a separate client and thread, without a deadline."""
    threads = ThreadPoolExecutor(1)

    def send() -> Job:
        with running.client() as app:
            return request(app)

    pending = threads.submit(send)
    threads.shutdown(wait=False)
    return pending


class Loader(threading.Thread):
    """A client that submits jobs, each with a unique idempotency key, and reads them, until it is stopped."""

    def __init__(self, running: Running) -> None:
        super().__init__(name="load")
        self.responses: Counter[int] = Counter()
        self.job_ids: list[str] = []
        self.error: BaseException | None = None
        self.stop = threading.Event()
        self._client = running.client()

    def run(self) -> None:
        """Run until `stop` is set; an error is stored for the test."""
        try:
            with self._client:
                while not self.stop.is_set():
                    self._job()
        except BaseException as error:  # noqa: BLE001 - the test raises it
            self.error = error

    def _job(self) -> None:
        body = {"skill": "nap", "inputs": {"seconds": 0.05}}
        key = {"Idempotency-Key": uuid4().hex}
        created = self._with_retries(lambda: self._client.request("POST", "/v1/jobs", body, **key))
        assert created.body["inputs"] == body["inputs"]
        self.job_ids.append(created.body["id"])
        seen = self._with_retries(lambda: self._client.request("GET", f"/v1/jobs/{created.body['id']}"))
        assert seen.body["id"] == created.body["id"], "an accepted job is missing"
        listed = self._with_retries(lambda: self._client.request("GET", "/v1/jobs?limit=5"))
        assert len(listed.body) >= 1
        self.stop.wait(0.05)

    def _with_retries(self, request: Callable[[], Response]) -> Response:
        deadline = time.monotonic() + 60
        while True:
            response = request()
            self.responses[response.status] += 1
            if response.status < 400:
                return response
            assert_unavailable(response)
            assert time.monotonic() < deadline, response
            time.sleep(0.2)


@contextmanager
def load(running: Running) -> Iterator[list[Loader]]:
    """Run four clients for the duration of the block."""
    loaders = [Loader(running) for _ in range(4)]
    for one in loaders:
        one.start()
    try:
        yield loaders
    finally:
        for one in loaders:
            one.stop.set()
        for one in loaders:
            one.join(70)


@contextmanager
def following(running: Running, job_id: str) -> Iterator[list[Event]]:
    """Follow a job with a single connection, and yield its events."""
    events: list[Event] = []
    with stream(running, job_id) as response:
        thread = threading.Thread(target=lambda: append_frames(response.read(), events), name="follower")
        thread.start()
        try:
            yield events
        finally:
            thread.join(60)


def report_of(loaders: list[Loader]) -> tuple[Counter[int], list[str]]:
    """Return the response counts and the job IDs of all clients; raise their errors."""
    for one in loaders:
        if one.error is not None:
            raise one.error
        assert not one.is_alive()
        assert one.job_ids
    return sum((one.responses for one in loaders), Counter()), [
        job_id for one in loaders for job_id in one.job_ids
    ]


def assert_done_once(running: Running, client: Client, run_query: RunQuery, job_ids: list[str]) -> None:
    """Assert that all jobs succeeded, ended once and were paid once, and that there are no others."""
    jobs = until_ended(client, job_ids, 60 * ROUNDS)
    assert {job["status"] for job in jobs} == {"succeeded"}, [job["error"] for job in jobs if job["error"]]
    for job in jobs:
        assert job["result"] == {"slept": job["inputs"]["seconds"]}
        assert_ended_once(client, job)
    assert_paid_once(run_query, jobs)
    assert_ledger_balances(running)
    unknown = "select count(*) from jobs where status in ('queued', 'running')"
    assert run_query(unknown) == [(0,)], "a submission that received 503 has created a job"


def assert_unavailable(response: Response) -> None:
    """Assert that a response is 503 with Retry-After."""
    assert (response.status, "retry-after" in response.headers) == (503, True), response


def until_available(client: Client, max_s: float) -> None:
    """Wait until the API responds with 200 again."""
    until(
        lambda: client.request("GET", "/v1/jobs?limit=1").status == 200,
        max_s,
        "the database did not come back",
    )


def postmaster_of(running: Running) -> int:
    """Return the first process of the database, as soon as it runs again."""
    command = f"postgres -D {running.home}"
    until(lambda: children_called(0, running.home, command), 60, "the database was not restarted")
    return children_called(0, running.home, command)[0]


def postgres_of(running: Running) -> list[int]:
    """Return the processes of the database."""
    return children_called(running.process.pid, running.home, "postgres")
