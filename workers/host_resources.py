"""Check the resources of a worker's host.

A worker claims no jobs while disk, memory or process IDs are short.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.core.metrics.instruments import HOST_SHORTAGE
from backend.execution.worker_registry.errors import HostExhausted

RESOURCES: Final = ("disk", "memory", "processes")
MIN_FREE_FILES: Final = 1_000
MIN_FREE_PROCESSES: Final = 128
_CACHE_S: Final = 1.0
_GROUP: Final = Path("/sys/fs/cgroup")
_REASONS: Final = {
    errno.ENOSPC: "no space is left on its disk",
    errno.EDQUOT: "the disk quota of the worker is used up",
    errno.EROFS: "its file system is read-only",
    errno.EIO: "its disk returns errors",
    errno.ENOMEM: "no memory is left",
    errno.EAGAIN: "it cannot start more processes",
    errno.EMFILE: "the worker cannot open more files",
    errno.ENFILE: "it cannot open more files",
    errno.EINVAL: "the user IDs of projects do not exist on the host",
}
_CODES: Final = frozenset(
    {"crashed", "drive_full", "environment_failed", "internal_error", "process_limit", "sandbox_unavailable"}
)
"""Failures that a lack of resources of the host can also cause."""
_ERRORS: Final = tuple(f"[Errno {number}]" for number in (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM))


@dataclass(frozen=True, slots=True)
class Shortage:
    """A resource that is short on the host."""

    resource: str
    detail: str


class Host:
    """The host of this worker process."""

    def __init__(self, home: Path, *, min_disk_mb: int, min_memory_mb: int) -> None:
        self._home = home
        self._min_disk_bytes = min_disk_mb << 20
        self._min_memory_bytes = min_memory_mb << 20
        self._cached: tuple[float, Shortage | None] = (float("-inf"), None)

    def shortage(self, *, is_fresh: bool = False) -> Shortage | None:
        """Return the resource that is short, at most a second old unless it must be fresh.

        Return none if there is no shortage.
        """
        read_at, found = self._cached
        if not is_fresh and time.monotonic() - read_at < _CACHE_S:
            return found
        found = next(self._shortages(), None)
        self._cached = time.monotonic(), found
        for resource in RESOURCES:
            HOST_SHORTAGE.labels(resource).set(found is not None and found.resource == resource)
        return found

    def why_failed(self, code: str | None, error: str | None) -> HostExhausted | None:
        """Return the shortage of the host that caused a failed job, if there is one now.

        The error alone is no proof.
        """
        is_possible = code in _CODES or (
            code == "exception" and any(text in (error or "") for text in _ERRORS)
        )
        found = self.shortage(is_fresh=True) if is_possible else None
        return None if found is None else HostExhausted(found.detail)

    def _shortages(self) -> Iterator[Shortage]:
        yield from self._of_disk()
        yield from self._of_memory()
        yield from self._of_processes()

    def _of_disk(self) -> Iterator[Shortage]:
        disk = os.statvfs(self._home)
        free = disk.f_bavail * disk.f_frsize
        if free < self._min_disk_bytes:
            yield Shortage(
                "disk", f"{_mib(free)} free under {self._home}, {_mib(self._min_disk_bytes)} needed"
            )
        elif disk.f_files and disk.f_favail < MIN_FREE_FILES:
            yield Shortage(
                "disk", f"space for {disk.f_favail} files under {self._home}, {MIN_FREE_FILES} needed"
            )

    def _of_memory(self) -> Iterator[Shortage]:
        free = min(_available_memory(), _free_in_group("memory.max", "memory.current", _inactive_bytes()))
        if free < self._min_memory_bytes:
            yield Shortage(
                "memory", f"{_mib(int(free))} of memory available, {_mib(self._min_memory_bytes)} needed"
            )

    def _of_processes(self) -> Iterator[Shortage]:
        free = min(_free_process_ids(), _free_in_group("pids.max", "pids.current"))
        if free < MIN_FREE_PROCESSES:
            yield Shortage("processes", f"{int(free)} more processes possible, {MIN_FREE_PROCESSES} needed")


def fault_of(error: OSError) -> HostExhausted | None:
    """Return the shortage of the host that caused an error of the worker itself, if there is one."""
    reason = _REASONS.get(error.errno or 0)
    return None if reason is None else HostExhausted(reason)


def _available_memory() -> float:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:  # noqa: PTH123 - read every second
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    return float("inf")


def _free_process_ids() -> float:
    maximum = min(_number(Path("/proc/sys/kernel/pid_max")), _number(Path("/proc/sys/kernel/threads-max")))
    try:
        used = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[2])
    except (OSError, ValueError, IndexError):
        return float("inf")
    return maximum - used


def _free_in_group(maximum: str, current: str, reclaimable: int = 0) -> float:
    """Return what is available in the control group of this container; infinite if it has no limit."""
    limit = _number(_GROUP / maximum)
    return limit if limit == float("inf") else limit - _number(_GROUP / current) + reclaimable


def _inactive_bytes() -> int:
    """Return the bytes of the file cache that the kernel frees when memory is needed."""
    try:
        lines = (_GROUP / "memory.stat").read_text(encoding="ascii").splitlines()
        return sum(
            int(line.split()[1]) for line in lines if line.startswith(("inactive_file ", "active_file "))
        )
    except (OSError, ValueError, IndexError):
        return 0


def _number(file: Path) -> float:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such file, or `max`
        return float("inf")


def _mib(count: int) -> str:
    return f"{count >> 20:,} MiB"
