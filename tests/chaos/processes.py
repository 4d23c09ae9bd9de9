"""Functions that find, kill and freeze processes of an instance under test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def children_called(up: int, home: Path, name: str) -> list[int]:
    """Return the processes of the instance whose command contains the name.

    A process belongs to the instance if it or one of its ancestors is `up`, or has the home in its command.
    """
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                commands[int(entry.name)] = command.decode(errors="replace")
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    ours = {up, *(pid for pid, command in commands.items() if str(home) in command)}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sorted(pid for pid in ours if name in commands.get(pid, ""))


def kill(pids: list[int]) -> None:
    """Send SIGKILL to processes, of which some may have ended already."""
    send(pids, signal.SIGKILL)


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """Stop the processes with SIGSTOP for the duration of the block, and resume those that still exist."""
    try:
        send(pids, signal.SIGSTOP)
        yield
    finally:
        send(pids, signal.SIGCONT)


def send(pids: list[int], number: int) -> None:
    """Send a signal to processes, of which some may have ended already."""
    assert pids, "there was no process to send a signal to"
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
