"""CPU time of the processes of an instance by stage, including ended processes of the sandbox."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_STAGES: Final = (
    ("studio.serve", "API"),
    ("workers.main", "worker"),
    ("postgres", "PostgreSQL"),
    ("valkey", "Valkey"),
    ("bwrap", "sandbox"),
    ("puras", "sandbox"),
)


class _Process(NamedTuple):
    parent: int
    command: str
    own_s: float
    ended_children_s: float


def by_stage(root: int, home: Path) -> Mapping[str, float]:
    """Return the CPU seconds, by stage, of the descendants of `root` and the servers of the home."""
    processes = _processes()
    stages: dict[str, float] = defaultdict(float)
    for pid, process in processes.items():
        if not _belongs(pid, processes, root, home):
            continue
        stage = next((name for word, name in _STAGES if word in process.command), "other")
        stages[stage] += process.own_s
        if stage == "sandbox":  # includes the CPU time of children that were reaped
            stages[stage] += process.ended_children_s
    return stages


def per_job_ms(before: Mapping[str, float], after: Mapping[str, float], jobs: int) -> dict[str, float]:
    """Return the CPU milliseconds per job, by stage, between two results of `by_stage`."""
    return {name: (seconds - before.get(name, 0.0)) * 1000 / jobs for name, seconds in after.items()}


def of_process(pid: int) -> float:
    """Return the CPU seconds of one process, without its children."""
    return _processes()[pid].own_s


def _belongs(pid: int, processes: dict[int, _Process], root: int, home: Path) -> bool:
    while pid > 1 and pid in processes:
        if pid == root or str(home) in processes[pid].command:
            return True
        pid = processes[pid].parent
    return False


def _processes() -> dict[int, _Process]:
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue  # the process has ended
            own, ended = (sum(map(int, fields[at : at + 2])) / _TICKS for at in (11, 13))
            found[int(folder.name)] = _Process(int(fields[1]), command, own, ended)
    return found
