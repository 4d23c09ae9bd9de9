"""Stopping a PostgreSQL of the test's own in the middle of what it does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def frozen(postmaster: int) -> Iterator[None]:
    """SIGSTOP to the server and all its processes; in the end they go on."""
    everyone = [postmaster, *children_of(postmaster)]
    for pid in everyone:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in everyone:
            _signal(pid, signal.SIGCONT)


def children_of(parent: int) -> list[int]:
    """The processes that it has begun and that are still there."""
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
