"""Memory of processes, as proportional set size: shared memory is divided among the processes that share it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def of_instance(root: int, home: Path) -> set[int]:
    """Return the descendants of the process `up`, and the servers of its home."""
    return descendants({root} | {pid for pid in _pids() if str(home) in _command(pid)})


def descendants(roots: Collection[int]) -> set[int]:
    """Return these processes and all of their descendants."""
    parents = {pid: parent_of(pid) for pid in _pids()}
    found = set(roots)
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def parent_of(pid: int) -> int:
    """Return the parent of a process, or 0 if the process has ended."""
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_bubblewrap(pid: int) -> bool:
    """Return whether the process is the outer process of a sandbox."""
    return Path(_command(pid).split(" ", 1)[0]).name == "bwrap"


def pss_kb(pid: int) -> int:
    """Return the proportional set size of a process, or 0 if it has ended."""
    try:
        lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _command(pid: int) -> str:
    try:
        command = (Path("/proc") / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return command.replace(b"\0", b" ").decode(errors="replace")
