"""Finding and killing processes of an instance under test."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def children_called(up: int, home: Path, name: str) -> list[int]:
    """Processes of this instance whose command names the program: below `up`, or with the home in their command."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                commands[int(entry.name)] = command.decode(errors="replace")
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    ours = {up}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    ours |= {pid for pid, command in commands.items() if str(home) in command}
    return sorted(pid for pid in ours if name in commands.get(pid, ""))


def kill(pids: list[int]) -> None:
    """SIGKILL, to processes that may be gone already."""
    assert pids, "there was nothing to kill"
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
