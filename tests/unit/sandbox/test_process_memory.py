"""The memory of the processes of an idle sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from workers.sandbox.isolation.process_memory import SandboxMemory

# One child has ended and is not yet removed, as if it had ended during the measurement; another one follows on request.
_CODE = """
import os, time
ended = os.fork()
if not ended:
    os._exit(0)
os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
print("ended", flush=True)
if input() == "remove":
    os.waitpid(ended, 0)
    print("removed", flush=True)
    input()
if not os.fork():
    held = b"x" * (20 << 20)
    print("held", flush=True)
    time.sleep(60)
print("forked", flush=True)
input()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", _CODE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def _grown_bytes(parent: subprocess.Popen[str], *, removed: bool) -> int:
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert parent.stdout.readline() == "ended\n"
    if removed:
        print("remove", file=parent.stdin, flush=True)
        assert parent.stdout.readline() == "removed\n"
    memory = SandboxMemory(parent.pid, parent.pid)
    before = memory.read()
    print("fork", file=parent.stdin, flush=True)
    assert {parent.stdout.readline(), parent.stdout.readline()} == {"forked\n", "held\n"}
    return memory.read() - before


def test_measurement_during_which_a_process_ended_is_repeated(parent: subprocess.Popen[str]) -> None:
    assert _grown_bytes(parent, removed=False) > 15 << 20


def test_complete_measurement_is_kept_while_the_zygote_has_its_size(parent: subprocess.Popen[str]) -> None:
    assert _grown_bytes(parent, removed=True) < 1 << 20
