"""What the pool concludes from the signs of life of its worker processes, and from their absence."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from workers.health import MAX_SILENCE_S, MAX_START_S, Health, SignsOfLife
from workers.liveness import MAX_REASON_BYTES, Liveness

PID = 4711


class Clock:
    """A clock that a test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Process:
    """The end of a pipe that a worker process writes to."""

    def __init__(self, signs: SignsOfLife, pid: int = PID) -> None:
        ours, self._theirs = os.pipe()
        signs.follow(pid, ours)

    def send(self, line: str) -> None:
        os.write(self._theirs, f"{line}\n".encode())

    def end(self) -> None:
        os.close(self._theirs)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def signs(clock: Clock) -> SignsOfLife:
    return SignsOfLife(0, clock=clock)


@pytest.fixture
def process(signs: SignsOfLife) -> Iterator[Process]:
    started = Process(signs)
    yield started
    started.end()


def eventually(fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_process_claims_once_it_says_so_and_is_frozen_once_it_is_silent(
    signs: SignsOfLife, clock: Clock, process: Process
) -> None:
    health = Health([signs], is_draining=lambda: False)
    assert health.live() == {"status": "ok"}
    assert health.ready() == {"status": "not_ready", "reason": "worker process 0: it is starting"}
    process.send("its host is short of disk: 1 MiB free")
    eventually(lambda: "short of disk: 1 MiB free" in health.ready().get("reason", ""))
    process.send("")
    eventually(lambda: health.ready() == {"status": "ok"})
    clock.now_s += MAX_SILENCE_S
    assert health.live() == {"status": "ok"}
    clock.now_s += 1
    assert health.live()["status"] == "not_live"
    assert f"worker process 0 (pid {PID}) has sent no liveness signal since 20" in health.live()["reason"]
    assert health.ready()["status"] == "not_ready"
    process.send("")
    eventually(lambda: health.live() == health.ready() == {"status": "ok"})


def test_a_place_whose_processes_end_before_they_show_life_is_not_live(
    signs: SignsOfLife, clock: Clock
) -> None:
    health = Health([signs], is_draining=lambda: False)
    for pid in (1, 2, 3):
        process = Process(signs, pid)
        process.end()
        eventually(lambda: not signs.is_running)
        assert health.live() == {"status": "ok"}
        clock.now_s += MAX_START_S / 3
    clock.now_s += 1
    assert "worker process 0 (pid 3) has not started since" in health.live()["reason"]


def test_one_process_that_claims_makes_the_pool_ready_and_one_that_is_frozen_makes_it_not_live(
    clock: Clock,
) -> None:
    both = [SignsOfLife(number, clock=clock) for number in range(2)]
    processes = [Process(each, PID + number) for number, each in enumerate(both)]
    health = Health(both, is_draining=lambda: False)
    for process in processes:
        process.send("")
    eventually(lambda: all(each.why_not_ready() is None for each in both))
    clock.now_s += MAX_SILENCE_S + 1
    processes[1].send("")
    eventually(lambda: health.ready() == {"status": "ok"})
    assert f"(pid {PID})" in health.live()["reason"]
    assert f"(pid {PID + 1})" not in health.live()["reason"]
    for process in processes:
        process.end()


def test_a_pool_that_drains_is_live_without_the_processes_that_have_ended(
    signs: SignsOfLife, clock: Clock
) -> None:
    process = Process(signs)
    process.send("")
    eventually(lambda: signs.why_not_ready() is None)
    health = Health([signs], is_draining=lambda: True)
    assert health.ready()["status"] == "draining"
    clock.now_s += MAX_START_S + 1
    assert health.live()["status"] == "not_live"
    process.end()
    eventually(lambda: not signs.is_running)
    assert health.live() == {"status": "ok"}


def test_a_pipe_that_nobody_reads_neither_stops_a_worker_nor_reaches_its_jobs() -> None:
    ours, theirs = os.pipe()
    liveness = Liveness(theirs)
    liveness.why_not_ready = lambda: f"short of\n{'x' * MAX_REASON_BYTES}"
    for _ in range(1_000):
        liveness.send()
    assert not os.get_inheritable(theirs)
    lines = os.read(ours, 1 << 20).splitlines()
    assert set(lines) == {f"short of {'x' * MAX_REASON_BYTES}".encode()[:MAX_REASON_BYTES]}
    os.close(ours)
    liveness.send()
    os.close(theirs)
