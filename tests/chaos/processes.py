"""Finding, killing and freezing processes of an instance under test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def children_called(up: int, home: Path, name: str) -> list[int]:
    """Processes of this instance whose command names the program: below `up`, or below one that names the home."""
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
    """SIGKILL, to processes that may be gone already."""
    send(pids, signal.SIGKILL)


@contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """SIGSTOP to the processes; in the end those that are still there go on."""
    try:
        send(pids, signal.SIGSTOP)
        yield
    finally:
        send(pids, signal.SIGCONT)


def send(pids: list[int], number: int) -> None:
    """Send a signal to processes, of which some may be gone already."""
    assert pids, "there was no process to send a signal to"
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
