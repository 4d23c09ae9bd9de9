"""N8: the time of `up` on an existing home until it is ready, and the memory of the idle instance."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.instance import instance
from benchmarks.memory import of_instance, pss_kb
from benchmarks.numbers import Measurement

IDLE_S = 5.0


def measure() -> Measurement:
    """Start twice on one home, and measure the second start."""
    with tempfile.TemporaryDirectory(prefix="puras-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        with instance(home):
            pass
        with instance(home) as running:
            time.sleep(IDLE_S)
            megabytes = sum(pss_kb(pid) for pid in of_instance(running.process.pid, home)) / 1024
            ready_after_s = running.ready_after_s
    return Measurement(
        "N8",
        "`up` on an existing home → ready; idle instance",
        "≤ 5 s; ≤ 700 MB PSS",
        f"{ready_after_s:.1f} s; {megabytes:.0f} MB",
        ready_after_s <= 5 and megabytes <= 700,
    )
