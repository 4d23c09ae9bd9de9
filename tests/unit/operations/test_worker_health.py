"""The health of the worker pool, derived from the liveness messages of its processes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from workers.health import MAX_SILENCE_S, MAX_START_S, Health, SignsOfLife
from workers.liveness import MAX_REASON_BYTES, Liveness

PID = 4711


class Clock:
    """A clock that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Process:
    """The end of the pipe to which a worker process writes, and what the pool does with the other one."""

    def __init__(self, signs: SignsOfLife, pid: int = PID) -> None:
        self._signs = signs
        self._read_end, self._write_end = os.pipe()
        signs.follow(pid, self._read_end)

    def send(self, text: str) -> None:
        os.write(self._write_end, text.encode())
        assert self._signs.read(self._read_end)

    def end(self) -> None:
        os.close(self._write_end)
        assert not self._signs.read(self._read_end)
        os.close(self._read_end)


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


def test_process_is_ready_after_its_message_and_frozen_without_one(
    signs: SignsOfLife, clock: Clock, process: Process
) -> None:
    health = Health([signs], is_draining=lambda: False)
    assert health.live() == {"status": "ok"}
    assert health.ready() == {"status": "not_ready", "reason": "worker process 0: it is starting"}
    process.send("its host is short of disk: ")
    assert health.ready()["reason"] == "worker process 0: it is starting"
    process.send("1 MiB free\n")
    assert health.ready()["reason"] == "worker process 0: its host is short of disk: 1 MiB free"
    process.send("\n")
    assert health.ready() == {"status": "ok"}
    clock.now_s += MAX_SILENCE_S
    assert health.live() == {"status": "ok"}
    clock.now_s += 1
    assert health.live()["status"] == "not_live"
    assert f"worker process 0 (pid {PID}) has sent no liveness signal since 20" in health.live()["reason"]
    assert health.ready()["status"] == "not_ready"
    process.send("\n")
    assert health.live() == health.ready() == {"status": "ok"}


def test_slot_whose_processes_exit_before_a_message_is_not_live(signs: SignsOfLife, clock: Clock) -> None:
    health = Health([signs], is_draining=lambda: False)
    for pid in (1, 2, 3):
        process = Process(signs, pid)
        process.end()
        assert not signs.is_running
        assert health.live() == {"status": "ok"}
        clock.now_s += MAX_START_S / 3
    clock.now_s += 1
    assert "worker process 0 (pid 3) has not started since" in health.live()["reason"]


def test_late_messages_of_a_replaced_process_change_nothing(signs: SignsOfLife) -> None:
    late, process = Process(signs, 1), Process(signs, 2)
    late.send("\n")
    assert signs.why_not_ready() == "worker process 0: it is starting"
    process.send("\n")
    late.end()
    assert signs.is_running
    assert signs.why_not_ready() is None
    process.end()


def test_one_ready_process_makes_the_pool_ready_and_one_frozen_not_live(
    clock: Clock,
) -> None:
    both = [SignsOfLife(number, clock=clock) for number in range(2)]
    processes = [Process(each, PID + number) for number, each in enumerate(both)]
    health = Health(both, is_draining=lambda: False)
    for process in processes:
        process.send("\n")
    assert all(each.why_not_ready() is None for each in both)
    clock.now_s += MAX_SILENCE_S + 1
    processes[1].send("\n")
    assert health.ready() == {"status": "ok"}
    assert f"(pid {PID})" in health.live()["reason"]
    assert f"(pid {PID + 1})" not in health.live()["reason"]
    for process in processes:
        process.end()


def test_draining_pool_is_live_without_its_exited_processes(signs: SignsOfLife, clock: Clock) -> None:
    process = Process(signs)
    process.send("\n")
    assert signs.why_not_ready() is None
    health = Health([signs], is_draining=lambda: True)
    assert health.ready()["status"] == "draining"
    clock.now_s += MAX_START_S + 1
    assert health.live()["status"] == "not_live"
    process.end()
    assert not signs.is_running
    assert health.live() == {"status": "ok"}


def test_unread_pipe_does_not_block_a_worker_and_is_not_inherited() -> None:
    read_end, write_end = os.pipe()
    liveness = Liveness(write_end)
    liveness.why_not_ready = lambda: f"short of\n{'x' * MAX_REASON_BYTES}"
    for _ in range(1_000):
        liveness.send()
    assert not os.get_inheritable(write_end)
    lines = os.read(read_end, 1 << 20).splitlines()
    assert set(lines) == {f"short of {'x' * MAX_REASON_BYTES}".encode()[:MAX_REASON_BYTES]}
    os.close(read_end)
    liveness.send()
    os.close(write_end)
