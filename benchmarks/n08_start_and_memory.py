"""N8: `up` on an existing home until it is ready, and the memory of the whole idle stack."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.instance import instance
from benchmarks.numbers import Measurement

IDLE_S = 5.0


def measure() -> Measurement:
    """Start twice on one home; the second start counts."""
    with tempfile.TemporaryDirectory(prefix="puras-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        with instance(home):
            pass
        with instance(home) as running:
            time.sleep(IDLE_S)
            megabytes = sum(_pss_kb(pid) for pid in _of_instance(running.process.pid, home)) / 1024
            ready_after_s = running.ready_after_s
    return Measurement(
        "N8",
        "`up` on an existing home → ready; whole idle stack",
        "≤ 5 s; ≤ 700 MB PSS",
        f"{ready_after_s:.1f} s; {megabytes:.0f} MB",
        ready_after_s <= 5 and megabytes <= 700,
    )


def _of_instance(root: int, home: Path) -> set[int]:
    """The processes below `up`, and the servers of its home."""
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


def _pss_kb(pid: int) -> int:
    try:
        lines = (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
