"""The database is restarted, and frozen, under load: every answer is right or asks for patience, and no job is lost."""

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
from benchmarks.client import Answer, Client
from benchmarks.instance import Running
from tests.chaos.processes import children_called, frozen
from tests.chaos.rounds import ROUNDS
from tests.chaos.streams import Event, stream, take
from tests.chaos.watching import (
    Ask,
    Job,
    assert_books_add_up,
    assert_ended_once,
    assert_paid_once,
    until,
    until_ended,
    until_idle,
)

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

Tell = Callable[[str], None]
RUNNING = "select count(*) from jobs where status = 'running'"
FROZEN_S = LEASE.total_seconds() + 4.0
"""Longer than the lease of a worker: their beats are missing, and it is not their fault."""


def test_a_database_that_is_restarted_again_and_again_loses_nothing(
    running: Running, client: Client, books: Ask, told: Tell
) -> None:
    until_idle(books)
    with load(running) as loaders:
        for number in range(4 * ROUNDS):
            os.kill(postmaster_of(running), signal.SIGKILL if number % 2 else signal.SIGINT)
            made = sum(len(one.job_ids) for one in loaders)
            until(lambda: sum(len(one.job_ids) for one in loaders) > made + 15, 45, "no job was taken again")  # noqa: B023
    answers, job_ids = report_of(loaders)
    assert set(answers) <= {200, 201, 503}, answers
    assert answers[503], answers
    assert_done_once(running, client, books, job_ids)
    told(
        f"{4 * ROUNDS} restarts under {len(job_ids)} jobs: 0 lost, 0 twice; "
        f"{answers[200] + answers[201]} right answers, {answers[503]} of 503 with Retry-After"
    )


def test_a_frozen_database_holds_nobody_up_and_loses_nothing(
    running: Running, client: Client, books: Ask, told: Tell
) -> None:
    slowest_s = 0.0
    for _ in range(ROUNDS):
        until_idle(books)
        waiting = in_background(running, lambda app: app.run("once", {"seconds": FROZEN_S / 2}))
        once = [client.submit("once", seconds=FROZEN_S / 2 * number) for number in (1, 3)]
        until(lambda: books(RUNNING) == [(3,)], 60, "the jobs did not start")
        with load(running) as loaders, following(running, once[1]) as events:
            with frozen(postgres_of(running)):
                slowest_s = max(slowest_s, asked_while_frozen(running))
            until_answered(client, 15)
        _, job_ids = report_of(loaders)
        jobs = until_ended(client, once, 45)
        assert {(job["status"], job["attempt"]) for job in [*jobs, waiting.result(60)]} == {("succeeded", 1)}
        assert_done_once(running, client, books, [*job_ids, *once])
        assert events == client.call("GET", f"/v1/jobs/{once[1]}/events")
    told(f"{ROUNDS} x frozen for {FROZEN_S:.0f} s: 0 lost, 0 twice, slowest answer {slowest_s:.1f} s")


def asked_while_frozen(running: Running) -> float:
    """The slowest of the answers of all that while: 503 after seconds at first, then at once, and `/health` always."""
    until_s = time.monotonic() + FROZEN_S
    took_s, health_s = [], []
    with running.client() as client:
        while time.monotonic() < until_s:
            began = time.monotonic()
            assert_asks_for_patience(client.ask("GET", "/v1/jobs?limit=1"))
            took_s.append(time.monotonic() - began)
            began = time.monotonic()
            assert client.ask("GET", "/health").status == 200
            health_s.append(time.monotonic() - began)
            assert client.ask("GET", "/ready").status == 503
            time.sleep(0.2)
    assert took_s[0] < MAX_SILENCE_S + 2.0
    for later_s in (
        took_s[1:],
        health_s,
    ):  # one may be late on a busy machine; none may wait for the database
        assert statistics.median(later_s) < 1.0, later_s
        assert max(later_s) < MAX_SILENCE_S, later_s
    return max(took_s)


def in_background(running: Running, ask: Callable[[Client], Job]) -> Future[Job]:
    """What is asked by an app of its own, which has all the time that it needs."""
    threads = ThreadPoolExecutor(1)

    def own() -> Job:
        with running.client() as app:
            return ask(app)

    asked = threads.submit(own)
    threads.shutdown(wait=False)
    return asked


class Loader(threading.Thread):
    """An app that submits jobs, each under a key of its own, until it is told to stop, and reads how they are."""

    def __init__(self, running: Running) -> None:
        super().__init__(name="load")
        self.answers: Counter[int] = Counter()
        self.job_ids: list[str] = []
        self.error: BaseException | None = None
        self.stop = threading.Event()
        self._client = running.client()

    def run(self) -> None:
        """Until `stop`; what goes wrong is kept for the test."""
        try:
            with self._client:
                while not self.stop.is_set():
                    self._job()
        except BaseException as error:  # noqa: BLE001 - it is the test's to raise
            self.error = error

    def _job(self) -> None:
        body = {"skill": "nap", "inputs": {"seconds": 0.05}}
        key = {"Idempotency-Key": uuid4().hex}
        made = self._patiently(lambda: self._client.ask("POST", "/v1/jobs", body, **key))
        assert made.body["inputs"] == body["inputs"]
        self.job_ids.append(made.body["id"])
        seen = self._patiently(lambda: self._client.ask("GET", f"/v1/jobs/{made.body['id']}"))
        assert seen.body["id"] == made.body["id"], "what was promised is not there"
        listed = self._patiently(lambda: self._client.ask("GET", "/v1/jobs?limit=5"))
        assert len(listed.body) >= 1
        self.stop.wait(0.05)

    def _patiently(self, ask: Callable[[], Answer]) -> Answer:
        deadline = time.monotonic() + 60
        while True:
            answer = ask()
            self.answers[answer.status] += 1
            if answer.status < 400:
                return answer
            assert_asks_for_patience(answer)
            assert time.monotonic() < deadline, answer
            time.sleep(0.2)


@contextmanager
def load(running: Running) -> Iterator[list[Loader]]:
    """Four apps at work; in the end all have ended."""
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
    """The events of one stream that is never connected anew."""
    events: list[Event] = []
    with stream(running, job_id) as answer:
        thread = threading.Thread(target=lambda: take(answer.read(), events), name="follower")
        thread.start()
        try:
            yield events
        finally:
            thread.join(60)


def report_of(loaders: list[Loader]) -> tuple[Counter[int], list[str]]:
    for one in loaders:
        if one.error is not None:
            raise one.error
        assert not one.is_alive()
        assert one.job_ids
    return sum((one.answers for one in loaders), Counter()), [
        job_id for one in loaders for job_id in one.job_ids
    ]


def assert_done_once(running: Running, client: Client, books: Ask, job_ids: list[str]) -> None:
    jobs = until_ended(client, job_ids, 60 * ROUNDS)
    assert {job["status"] for job in jobs} == {"succeeded"}, [job["error"] for job in jobs if job["error"]]
    for job in jobs:
        assert job["result"] == {"slept": job["inputs"]["seconds"]}
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)
    assert_books_add_up(running)
    unknown = "select count(*) from jobs where status in ('queued', 'running')"
    assert books(unknown) == [(0,)], "a submission that was answered with 503 made a job of its own"


def assert_asks_for_patience(answer: Answer) -> None:
    assert (answer.status, "retry-after" in answer.headers) == (503, True), answer


def until_answered(client: Client, most_s: float) -> None:
    until(
        lambda: client.ask("GET", "/v1/jobs?limit=1").status == 200, most_s, "the database did not come back"
    )


def postmaster_of(running: Running) -> int:
    """The database's first process, as soon as it runs again."""
    command = f"postgres -D {running.home}"
    until(lambda: children_called(0, running.home, command), 60, "the database was not started again")
    return children_called(0, running.home, command)[0]


def postgres_of(running: Running) -> list[int]:
    return children_called(running.process.pid, running.home, "postgres")
