"""Stop and continue all processes of a PostgreSQL server that only one test uses."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def frozen(postmaster: int) -> Iterator[None]:
    """Send SIGSTOP to the server and all its processes, and SIGCONT at the end."""
    processes = [postmaster, *children_of(postmaster)]
    for pid in processes:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            _signal(pid, signal.SIGCONT)


def children_of(parent: int) -> list[int]:
    """Return the IDs of the child processes of a process that still exist."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == parent:
                found.append(int(entry.name))
    return found


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
