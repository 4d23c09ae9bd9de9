"""Run the kit in an interpreter without other packages, as in the environment of a skill."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

KIT = Path(__file__).parents[3] / "skills_kit"


@dataclass(frozen=True, slots=True)
class Ran:
    """The output and the events of a skill."""

    stdout: str
    stderr: str
    events: list[dict[str, object]]


RunKit = Callable[..., Ran]


@pytest.fixture
def run_kit(tmp_path: Path) -> RunKit:
    """Return a function that runs code in the folder of a job, with a drive and an open descriptor for events."""
    (tmp_path / "drive").mkdir(exist_ok=True)

    def run(code: str, *, environment: Mapping[str, str] | None = None, has_runner: bool = True) -> Ran:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        received = bytearray()
        reader = threading.Thread(target=_read_all, args=(ours, received))
        reader.start()
        process = subprocess.run(
            [
                sys.executable,
                "-I",
                "-S",
                "-W",
                "error",
                "-c",
                f"import sys; sys.path[:0] = [{str(KIT)!r}]\n{code}",
            ],
            cwd=tmp_path,
            env={**({"PURAS_EVENTS_FD": str(theirs.fileno())} if has_runner else {}), **(environment or {})},
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            timeout=30,
        )
        theirs.close()
        reader.join()
        ours.close()
        events = [json.loads(line) for line in received.splitlines()]
        assert process.returncode == 0, process.stderr
        return Ran(process.stdout, process.stderr, events)

    return run


def _read_all(ours: socket.socket, received: bytearray) -> None:
    while piece := ours.recv(1 << 18):
        received += piece
