"""Memory of processes, as proportional set size: shared memory is divided among the processes that share it."""

from __future__ import annotations

from pathlib import Path


def of_instance(root: int, home: Path) -> set[int]:
    """Return the descendants of the process `up`, and the servers of its home."""
    parents = {
        pid: _parent(pid)
        for pid in map(int, filter(str.isdigit, (path.name for path in Path("/proc").iterdir())))
    }
    found = {root} | {pid for pid in parents if str(home) in _command(pid)}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def _parent(pid: int) -> int:
    try:
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> str:
    try:
        return (
            (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        )
    except OSError:
        return ""


def pss_kb(pid: int) -> int:
    """Return the proportional set size of a process, or 0 if it has ended."""
    try:
        lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
