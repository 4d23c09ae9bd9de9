"""Processes are identified by descriptors: another process with a reused ID is not affected."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from workers.sandbox.isolation import process_ids
from workers.sandbox.isolation.control_groups import Group
from workers.sandbox.isolation.process_ids import Process, open_child

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no process descriptors")

UNKNOWN_FLAG = 1 << 30
FAMILY = """
import os, sys, time
sys.path.insert(0, {root!r})
from workers.sandbox.guest import privileges
privileges.adopt_orphans()
ending, end = os.pipe()
reader, writer = os.pipe()
leader = os.fork()
if leader == 0:
    os.setsid()
    member = os.fork()
    if member == 0:
        time.sleep(60)
    os.write(writer, str(member).encode())
    os.read(ending, 1)
    os._exit(0)
print(leader, os.read(reader, 20).decode(), flush=True)
sys.stdin.readline()
os.write(end, b"x")
os.waitpid(leader, 0)
print("collected", flush=True)
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.01)
"""


class Family(NamedTuple):
    """A process, a group leader that it started, and a group member that the leader started."""

    first: Process
    leader: Process
    member: Process


@pytest.fixture
def family() -> Iterator[Family]:
    """Start a group whose leader has ended and was collected, and of which one member still runs."""
    root = str(Path(__file__).parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY.format(root=root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as started:
        assert started.stdin is not None
        assert started.stdout is not None
        leader, member = map(int, started.stdout.readline().split())
        made = Family(Process(started.pid), Process(leader), Process(member))
        started.stdin.write("\n")
        started.stdin.flush()
        assert started.stdout.readline() == "collected\n"
        yield made
        for process in reversed(made):
            process.kill()
            process.close()


@pytest.fixture
def old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate a kernel before Linux 6.9, which does not know the flag, by a flag that no kernel knows."""
    monkeypatch.setattr(process_ids, "_PROCESS_GROUP", UNKNOWN_FLAG)


@pytest.fixture
def ended_process() -> Iterator[Process]:
    """Yield a process that has ended and was collected."""
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as started:
        process = Process(started.pid)
        started.kill()
    yield process
    process.close()


def test_ended_process_has_no_info_group_or_descriptor(ended_process: Process) -> None:
    assert not ended_process.is_there
    assert ended_process.info() is None
    assert not ended_process.has_group()
    assert not ended_process.signal_group(signal.SIGKILL)
    assert ended_process.end_group(None)
    assert open_child(ended_process.pid, os.getpid()) is None


def test_closed_process_handle_sends_no_signals() -> None:
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as started:
        process = Process(started.pid)
        process.close()
        process.close()
        process.kill()
        assert not process.signal_group(signal.SIGKILL)
        assert started.poll() is None
        started.kill()


def test_open_child_accepts_only_a_child_of_the_parent() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as started:
        assert open_child(started.pid, started.pid) is None
        assert open_child(None, os.getpid()) is None
        own = open_child(started.pid, os.getpid())
        assert own is not None
        own.kill()
        assert started.wait(5) == -signal.SIGKILL
        own.close()


def test_remaining_group_members_end_after_their_leader_ended(family: Family) -> None:
    assert not family.leader.is_there
    assert family.leader.end_group(family.first)
    _wait_for_end(family.member)
    assert family.first.is_there


@pytest.mark.usefixtures("old_kernel")
def test_old_kernel_sends_no_signal_to_an_ended_process(family: Family) -> None:
    assert not family.leader.signal_group(signal.SIGKILL)
    assert not family.leader.has_group()
    assert not family.leader.end_group(None)  # the owner of the group ID is unknown
    time.sleep(0.05)
    info = family.member.info()
    assert info is not None
    assert info.lives


@pytest.mark.usefixtures("old_kernel")
def test_old_kernel_ends_remaining_group_members_below_the_ancestor(family: Family) -> None:
    assert family.leader.end_group(family.first)
    _wait_for_end(family.member)
    assert family.first.is_there


@pytest.mark.usefixtures("old_kernel")
def test_old_kernel_signals_the_group_while_its_leader_runs() -> None:
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as started:
        process = Process(started.pid)
        assert process.has_group()
        assert process.end_group(None)
        assert started.wait(5) == -signal.SIGKILL
        process.close()


def test_ended_process_is_not_moved_into_a_control_group(tmp_path: Path, ended_process: Process) -> None:
    members = tmp_path / "cgroup.procs"
    members.touch()
    group = Group(tmp_path)
    group.add(ended_process)
    assert members.read_text() == ""
    own = Process(os.getpid())
    group.add(own)
    own.close()
    assert members.read_text() == str(os.getpid())


def _wait_for_end(process: Process) -> None:
    deadline = time.monotonic() + 5
    while process.is_there and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process.is_there
