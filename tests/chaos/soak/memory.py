"""The memory of an instance over time, by what its processes are for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.instance import Running
from benchmarks.memory import of_instance, pss_kb

EVERY_S: Final = 5.0
PARTS: Final = {
    "studio and API": ("studio.serve",),
    "workers": ("workers.",),
    "PostgreSQL": ("postgres",),
    "Valkey": ("valkey",),
    "the operator's command": ("backend.operations",),
}
"""By words of their commands; what is none of these is a sandbox."""
SANDBOXES: Final = "sandboxes"


class Memory:
    """Looks again and again, in a thread of its own, until it is stopped."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._samples: dict[str, list[float]] = defaultdict(list)
        self.began = time.monotonic()

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def thirds(self, part: str) -> tuple[float, float, float]:
        """Megabytes in the first, the second and the last third of the time: the middle one of the looks in it."""
        looks = self._samples[part]
        size = len(looks) // 3
        return median(looks[:size]), median(looks[size : 2 * size]), median(looks[-size:])

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            for part, megabytes in _by_part(self._running).items():
                self._samples[part].append(megabytes)


def _by_part(running: Running) -> dict[str, float]:
    found = dict.fromkeys([*PARTS, SANDBOXES], 0.0)
    for pid in of_instance(running.process.pid, running.home):
        found[_part(pid)] += pss_kb(pid) / 1024
    return found


def _part(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return SANDBOXES
    return next((part for part, words in PARTS.items() if any(word in command for word in words)), SANDBOXES)
