"""End jobs that exceed a limit in total.

Limits of the kernel apply to single processes and files, a job is a group.
"""

# ruff: noqa: PTH112, PTH123, PTH208
# (this module works on descriptors, links and /proc)

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NamedTuple

from backend.core import background_tasks
from workers.sandbox.isolation.disk_use import (
    MAX_FILES,
    folder_bytes,
    free_files,
    nameless_bytes,
    written_bytes,
)

from .kernel_memory import kernel_bytes
from .process_ids import Process, descendants
from .process_memory import proportional_bytes

TICK_S: Final = 0.2
_WALK_SHARE: Final = 20  # the pause after a scan, as a multiple of its duration
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")

Excess = Literal["memory_limit", "disk_limit", "process_limit"]


@dataclass(slots=True, eq=False)
class Watched:
    """One watched process group, and its measured usage."""

    leader: Process
    memory_bytes: int
    disk_bytes: int
    processes: int
    folder: Path
    drive: Path | None
    on_excess: Callable[[Excess, str], None]
    """Called once in the event loop, with the kind and a message."""
    since: float = field(default_factory=time.time)
    """Wall-clock time, like the times of files."""
    started_at_s: float = field(default_factory=time.monotonic)
    peak_memory_bytes: int = 0
    cpu_s: float = 0.0
    walk_at: float = 0.0
    is_over: bool = False
    is_tree: bool = False
    """It is the first process of a namespace: all its descendants count, in any process group."""
    max_files: int = MAX_FILES
    """The limit for its folder."""
    free_files: int = field(init=False)
    """The number of files that the drive's file system could store when the watch started."""

    def __post_init__(self) -> None:
        self.free_files = free_files(self.drive)

    @property
    def group(self) -> int:
        """The number of the group, or of the first process of the tree."""
        return self.leader.pid

    @property
    def is_there(self) -> bool:
        """Whether its processes still have the number, so that usage of other processes is not charged."""
        return self.leader.is_there if self.is_tree else self.leader.has_group()

    def may_have_made_files(self) -> bool:
        """Return whether so many files were created that the drive must be checked.

        Empty files also fill it.
        """
        return self.free_files - free_files(self.drive) > MAX_FILES


class Watchdog:
    """Watches all groups of this worker process with one scan of /proc per tick."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watchdog")  # not delayed by other work

    def watch(self, watched: Watched) -> None:
        """Start to watch a group."""
        self._watched.add(watched)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="watchdog")

    def forget(self, watched: Watched) -> None:
        """Stop watching a group."""
        self._watched.discard(watched)

    async def close(self) -> None:
        """Stop watching anything."""
        self._watched.clear()
        if self._task is not None:
            await self._task
        self._thread.shutdown()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while self._watched:
            await asyncio.sleep(TICK_S)
            # Most jobs end before their first tick; only those that lasted cost a scan.
            old_enough = time.monotonic() - TICK_S / 2
            old = [
                watched
                for watched in self._watched
                if watched.started_at_s <= old_enough and not watched.is_over and watched.is_there
            ]
            if not old:
                continue
            with background_tasks.log_and_continue("watchdog"):
                for watched, excess in await loop.run_in_executor(self._thread, inspect, old):
                    if watched in self._watched and not watched.is_over:
                        watched.is_over = True
                        watched.on_excess(excess.kind, excess.message)


class Violation(NamedTuple):
    """A limit that was exceeded."""

    kind: Excess
    message: str


class _Usage:
    """The total usage of the processes of a group."""

    __slots__ = ("address_spaces", "cpu_ticks", "resident_bytes")

    def __init__(self) -> None:
        self.address_spaces: dict[int, int] = {}
        """Bytes, by the number of the process."""
        self.resident_bytes = 0
        self.cpu_ticks = 0


def inspect(targets: Iterable[Watched]) -> list[tuple[Watched, Violation]]:
    """Measure the groups now; returns those that exceed a limit of theirs."""
    targets = list(targets)
    usages = _usages(
        {watched.group for watched in targets if not watched.is_tree},
        {watched.group for watched in targets if watched.is_tree},
    )
    found = []
    for watched in targets:
        violation = _violation_of(watched, usages.get(watched.group) or _Usage())
        if violation is not None:
            found.append((watched, violation))
    return found


def _usages(groups: set[int], trees: set[int]) -> dict[int, _Usage]:
    usages: dict[int, _Usage] = {}
    found = list(_processes())
    members = _members(trees, {pid: int(fields[1]) for pid, fields in found}) if trees else {}
    for pid, fields in found:
        group = members.get(pid, int(fields[2]))
        if group in groups or pid in members:
            usage = usages.setdefault(group, _Usage())
            usage.address_spaces[pid] = int(fields[20])
            usage.resident_bytes += int(fields[21]) * _PAGE_BYTES
            usage.cpu_ticks += sum(map(int, fields[11:15]))
    return usages


def _processes() -> Iterator[tuple[int, list[bytes]]]:
    """Yield every process of the host, with the fields that the kernel reports from its state on."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                yield int(name), file.read().rpartition(b")")[2].split()
        except OSError:
            continue


def _members(trees: set[int], parents: dict[int, int]) -> dict[int, int]:
    """Return the processes of each tree with its first process, which adopts those that lose their parent."""
    members: dict[int, int] = {}
    for pid in parents:
        chain = [pid]
        for _ in parents:  # bounded: numbers that are reused during the scan could form a cycle
            if chain[-1] in trees or chain[-1] in members or chain[-1] not in parents:
                break
            chain.append(parents[chain[-1]])
        first = members.get(chain[-1], chain[-1])
        if first in trees:
            members.update(dict.fromkeys(chain, first))
    return members


def _violation_of(watched: Watched, usage: _Usage) -> Violation | None:
    watched.cpu_s = max(watched.cpu_s, usage.cpu_ticks / _TICKS_PER_S)
    count = len(usage.address_spaces)
    if count > watched.processes:  # first, since measuring a thousand processes takes long
        return Violation(
            "process_limit", f"ran {count} concurrent processes, more than its limit of {watched.processes}"
        )
    memory_bytes = usage.resident_bytes
    if memory_bytes > watched.memory_bytes:
        proportional = proportional_bytes(usage.address_spaces)
        memory_bytes = memory_bytes if proportional is None else proportional
    kernel = kernel_bytes(usage.address_spaces)
    memory_bytes += kernel
    watched.peak_memory_bytes = max(watched.peak_memory_bytes, memory_bytes)
    if memory_bytes > watched.memory_bytes:
        used, limit = memory_bytes >> 20, watched.memory_bytes >> 20
        of_these = (
            f", {kernel >> 20} of them in page tables, sockets, pipes and files of /dev/shm" if kernel else ""
        )
        return Violation(
            "memory_limit", f"used {used} MiB of memory{of_these}, more than its limit of {limit} MiB"
        )
    return _disk_violation(watched, usage)


def _disk_violation(watched: Watched, usage: _Usage) -> Violation | None:
    started = time.monotonic()
    if started < watched.walk_at:
        return None
    used = folder_bytes(watched.folder, watched.disk_bytes, since=None, max_files=watched.max_files)
    if used <= watched.disk_bytes and (
        written_bytes(usage.address_spaces) > watched.disk_bytes or watched.may_have_made_files()
    ):
        # It wrote more than its folder contains: to the drive, or to deleted files.
        used += nameless_bytes(usage.address_spaces)
        if watched.drive is not None:
            used += folder_bytes(watched.drive, watched.disk_bytes, since=watched.since)
    watched.walk_at = started + _WALK_SHARE * (time.monotonic() - started)
    if used > watched.disk_bytes:
        return Violation(
            "disk_limit",
            f"uses more disk than its limit of {watched.disk_bytes >> 20} MiB, or too many files",
        )
    return None


def strays_of(parent: int, groups: set[int]) -> set[int]:
    """Return the descendants of a zygote that are in no known group, or in that of the zygote."""
    found = set()
    for pid in descendants(parent):
        with suppress(OSError):
            group = os.getpgid(pid)
            if group not in groups or group == parent:
                found.add(pid)
    return found
