"""Kernel memory and files of a job count toward its limits: memory outside of processes, and empty files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from workers.runners.deterministic import DeterministicRunner
from workers.types import Assignment, Failure, Success

Skill = Callable[..., Assignment]

HOSTILE = """
import asyncio, ctypes, errno, mmap, os, shutil, socket, time

MAX_FILES = 500_000

def run(inputs):
    return globals()[inputs["do"]]()

def fill(pairs):
    held = []
    for _ in range(pairs):
        pair = socket.socketpair()
        held += pair
        for one in pair:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 << 20)
            one.setblocking(False)
            try:
                while True:
                    one.send(bytes(1 << 16))
            except BlockingIOError:
                pass
    return held

def fills_sockets():
    for _ in range(3):
        if os.fork() == 0:
            break
    held = fill(500)
    time.sleep(60)

def fills_page_tables():
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *3 * [ctypes.c_int], ctypes.c_long]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    size, step = 2 << 40, 2 << 20
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # no memory is reserved for it
    start = libc.mmap(None, size, mmap.PROT_READ, flags, -1, 0)
    libc.madvise(start, size, 15)  # no huge pages, which need no page tables
    for place in range(start, start + size, step):
        ctypes.c_char.from_address(place).value
    time.sleep(60)

def has_an_ordinary_number():
    held = [socket.socketpair() for _ in range(100)] + [os.pipe() for _ in range(50)]
    async def waits():
        await asyncio.sleep(1)
    asyncio.run(waits())
    size = held[0][0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    held[0][0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * size)
    return held[0][0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == size

def fills_shared_memory():
    open("/dev/shm/one", "w").close()
    try:
        os.setxattr("/dev/shm/one", "user.0", bytes(65_000))
    except OSError as error:
        assert error.errno == errno.EOPNOTSUPP, error
    else:
        raise AssertionError("an attribute of 65,000 bytes was stored in memory that nothing counts")
    os.mkdir("/dev/shm/folder")
    shutil.copystat("/dev/shm/folder", "/dev/shm/one")
    for number in range(MAX_FILES):
        os.mknod(f"/dev/shm/folder/{number}")
    time.sleep(10)

def lists_shared_memory():
    return os.listdir("/dev/shm")

def is_ended_first():
    return open("/proc/self/oom_score_adj").read().strip()

def makes_empty_files():
    for number in range(8):
        os.mkdir(f"drive/{number}")
        if number < 3 and os.fork() == 0:
            break
    while True:
        for place in range(1_000_000):
            os.mknod(f"drive/{number}/{place}")
"""


@pytest.fixture(autouse=True)
def _needs_mounts(runner: DeterministicRunner) -> None:
    if "mounts" not in runner.layers:
        pytest.skip(f"this host has only these layers: {runner.layers}")


@pytest.mark.parametrize("do", ["fills_sockets", "fills_page_tables"])
async def test_kernel_memory_counts_and_other_jobs_continue(
    runner: DeterministicRunner, skill: Skill, recorder: Any, do: str
) -> None:
    bad = skill(HOSTILE, inputs={"do": do})
    other_job = asyncio.create_task(
        runner.run(replace(bad, inputs={"do": "has_an_ordinary_number"}), recorder)
    )
    outcome = await runner.run(bad, recorder)
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "memory_limit", outcome
    assert "in page tables, sockets, pipes and files of /dev/shm" in outcome.message
    done = await other_job
    assert isinstance(done, Success), done
    assert done.value is True, "a job could enlarge the buffer of its socket"


async def test_shared_memory_files_count_and_are_deleted_after_the_job(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    bad = skill(HOSTILE, inputs={"do": "fills_shared_memory"})
    bad = replace(bad, limits=replace(bad.limits, memory_mb=96, timeout_s=60))
    outcome = await runner.run(bad, recorder)
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "memory_limit", outcome
    assert "files of /dev/shm" in outcome.message
    async with asyncio.timeout(10):  # the pool cleans up every 2 seconds
        while True:
            after = await runner.run(replace(bad, inputs={"do": "lists_shared_memory"}), recorder)
            assert isinstance(after, Success), after
            if after.value == []:
                break
            await asyncio.sleep(0.5)


async def test_jobs_are_first_for_the_oom_killer(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    outcome = await runner.run(skill(HOSTILE, inputs={"do": "is_ended_first"}), recorder)
    assert isinstance(outcome, Success), outcome
    assert outcome.value == "1000"


@pytest.mark.timeout(300)
async def test_number_of_files_in_the_drive_is_limited(
    runner: DeterministicRunner, skill: Skill, recorder: Any
) -> None:
    assignment = skill(HOSTILE, inputs={"do": "makes_empty_files"})
    patient = replace(assignment, limits=replace(assignment.limits, timeout_s=250))
    outcome = await runner.run(patient, recorder)
    assert isinstance(outcome, Failure), outcome
    assert outcome.code == "disk_limit", outcome
    assert "too many files" in outcome.message
