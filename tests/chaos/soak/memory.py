"""The memory and the file descriptors of an instance over time, by what its processes are for."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Growth:
    """What one process had in the second and in the last third of the time: the middle one of the looks in each."""

    part: str
    pid: int
    megabytes: tuple[float, float]
    descriptors: tuple[float, float]


class Processes:
    """Looks at each process of an instance that is no sandbox, again and again, until it is stopped."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._looks = 0
        self._samples: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def grown(self) -> list[Growth]:
        """Return what became of each process that was there all the time."""
        return [
            Growth(part, pid, _thirds([look[0] for look in looks]), _thirds([look[1] for look in looks]))
            for (part, pid), looks in sorted(self._samples.items())
            if len(looks) >= self._looks - 1
        ]

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._looks += 1
            for pid in of_instance(self._running.process.pid, self._running.home):
                part, descriptors = _part(pid), _descriptors(pid)
                if part != SANDBOXES and descriptors is not None:
                    self._samples[part, pid].append((pss_kb(pid) / 1024, descriptors))


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


def _descriptors(pid: int) -> int | None:
    """How many file descriptors the process has open; none when it has ended."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None


def _thirds(values: list[float]) -> tuple[float, float]:
    size = len(values) // 3
    return median(values[size : 2 * size]), median(values[-size:])
