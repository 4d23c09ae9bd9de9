"""The memory and the file descriptors of an instance over time, by the purpose of its processes."""

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
"""The substrings of the commands of each part; every other process is a sandbox."""
SANDBOXES: Final = "sandboxes"


@dataclass(frozen=True, slots=True)
class Growth:
    """The usage of one process in the second and in the last third of the time: the medians of the samples."""

    part: str
    pid: int
    megabytes: tuple[float, float]
    descriptors: tuple[float, float]


class Processes:
    """Samples each process of an instance that is not a sandbox, periodically, until it is stopped."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._sample_count = 0
        self._samples: dict[tuple[str, int], list[tuple[float, int]]] = defaultdict(list)

    def __enter__(self) -> Processes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def grown(self) -> list[Growth]:
        """Return the growth of each process that existed all the time."""
        return [
            Growth(part, pid, _thirds([one[0] for one in samples]), _thirds([one[1] for one in samples]))
            for (part, pid), samples in sorted(self._samples.items())
            if len(samples) >= self._sample_count - 1
        ]

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._sample_count += 1
            for pid in of_instance(self._running.process.pid, self._running.home):
                part, descriptors = _part(pid), _descriptors(pid)
                if part != SANDBOXES and descriptors is not None:
                    self._samples[part, pid].append((pss_kb(pid) / 1024, descriptors))


class Memory:
    """Samples the memory of each part periodically, in a separate thread, until it is stopped."""

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
        """Return the median megabytes in the first, the second and the last third of the time."""
        samples = self._samples[part]
        size = len(samples) // 3
        return median(samples[:size]), median(samples[size : 2 * size]), median(samples[-size:])

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
    """Return the number of open file descriptors of the process, or None if it has ended."""
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None


def _thirds(values: list[float]) -> tuple[float, float]:
    size = len(values) // 3
    return median(values[size : 2 * size]), median(values[-size:])
