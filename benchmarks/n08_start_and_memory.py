"""N8: the time of `up` on an existing home until it is ready, and the memory of the idle instance."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from benchmarks.instance import instance
from benchmarks.measurement import Measurement, at_most
from benchmarks.memory import of_instance, pss_kb
from benchmarks.temporary import temporary_folder

IDLE_S = 5.0


def measure(rounds: int) -> Measurement:
    """Start several times on one home, after a first start that creates it."""
    with temporary_folder() as folder:
        home = folder / "home"
        with instance(home):
            pass
        starts = [_start(home) for _ in range(rounds)]
    ready_after_s, megabytes = (statistics.median(values) for values in zip(*starts, strict=True))
    return Measurement(
        "N8",
        (
            at_most("start", "`up` on an existing home → ready", ready_after_s, 5, "s"),
            at_most("memory", "idle instance", megabytes, 700, "MB PSS"),
        ),
        {"ready_after_s_and_mb": starts},
    )


def _start(home: Path) -> tuple[float, float]:
    """Return the seconds until the instance is ready, and its memory in MB when it is idle."""
    with instance(home) as running:
        time.sleep(IDLE_S)
        kilobytes = sum(pss_kb(pid) for pid in of_instance(running.process.pid, home))
        return running.ready_after_s, kilobytes / 1024
