"""Ends what uses more than it may in total: limits of the kernel are per process and per file, jobs are groups."""

# ruff: noqa: PTH112, PTH123, PTH208
# (descriptors, links and /proc are the matter here)

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

TICK_S: Final = 0.2
_WALK_SHARE: Final = 20  # a walk that took a second is repeated after twenty
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")

Excess = Literal["memory_limit", "disk_limit", "process_limit"]


@dataclass(slots=True, eq=False)
class Watched:
    """One process group under watch, and what was seen of it."""

    leader: Process
    memory_bytes: int
    disk_bytes: int
    processes: int
    folder: Path
    drive: Path | None
    on_excess: Callable[[Excess, str], None]
    """Called in the event loop, once, with the kind and a sentence."""
    since: float = field(default_factory=time.time)
    """By the wall clock, as the times of files are."""
    started_at_s: float = field(default_factory=time.monotonic)
    peak_memory_bytes: int = 0
    cpu_s: float = 0.0
    walk_at: float = 0.0
    is_over: bool = False
    is_tree: bool = False
    """It is the first of a namespace: all that descends from it counts, whatever groups they are in."""
    max_files: int = MAX_FILES
    """In its folder."""
    free_files: int = field(init=False)
    """That the drive's file system had room for when the watch began."""

    def __post_init__(self) -> None:
        self.free_files = free_files(self.drive)

    @property
    def group(self) -> int:
        """The number of the group, or of the first process of the tree."""
        return self.leader.pid

    @property
    def is_there(self) -> bool:
        """Whether its processes still have the number: what another one's use is not charged to it."""
        return self.leader.is_there if self.is_tree else self.leader.has_group()

    def may_have_made_files(self) -> bool:
        """Whether somebody has made so many since then that it is worth a look at the drive: empty ones fill it too."""
        return self.free_files - free_files(self.drive) > MAX_FILES


class Watchdog:
    """Watches every group of this worker process with one reading of /proc per tick, and none when nothing runs."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="watchdog")  # never behind other work

    def watch(self, watched: Watched) -> None:
        """Begin to watch a group."""
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


class Over(NamedTuple):
    """A limit that was exceeded."""

    kind: Excess
    message: str


class _Usage:
    """What the processes of a group use together."""

    __slots__ = ("address_spaces", "cpu_ticks", "resident_bytes")

    def __init__(self) -> None:
        self.address_spaces: dict[int, int] = {}
        """Bytes, by the number of the process."""
        self.resident_bytes = 0
        self.cpu_ticks = 0


def inspect(targets: Iterable[Watched]) -> list[tuple[Watched, Over]]:
    """Measure the groups now; returns those that exceed a limit of theirs."""
    targets = list(targets)
    usages = _usages(
        {watched.group for watched in targets if not watched.is_tree},
        {watched.group for watched in targets if watched.is_tree},
    )
    found = []
    for watched in targets:
        over = _over(watched, usages.get(watched.group) or _Usage())
        if over is not None:
            found.append((watched, over))
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
    """Every process of the machine, with what the kernel says of it from its state on."""
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                yield int(name), file.read().rpartition(b")")[2].split()
        except OSError:
            continue


def _members(trees: set[int], parents: dict[int, int]) -> dict[int, int]:
    """The processes of each tree, with the first of it: what loses its parent there gets the first as its own."""
    members: dict[int, int] = {}
    for pid in parents:
        line = [pid]
        for _ in parents:  # and no longer: numbers given anew while we read could make a ring
            if line[-1] in trees or line[-1] in members or line[-1] not in parents:
                break
            line.append(parents[line[-1]])
        first = members.get(line[-1], line[-1])
        if first in trees:
            members.update(dict.fromkeys(line, first))
    return members


def _over(watched: Watched, usage: _Usage) -> Over | None:
    watched.cpu_s = max(watched.cpu_s, usage.cpu_ticks / _TICKS_PER_S)
    count = len(usage.address_spaces)
    if count > watched.processes:  # first, since measuring a thousand processes takes long
        return Over(
            "process_limit", f"ran {count} processes at once, more than its limit of {watched.processes}"
        )
    memory_bytes = usage.resident_bytes
    if memory_bytes > watched.memory_bytes:
        memory_bytes = _proportional_bytes(usage)
    kernel = kernel_bytes(usage.address_spaces)
    memory_bytes += kernel
    watched.peak_memory_bytes = max(watched.peak_memory_bytes, memory_bytes)
    if memory_bytes > watched.memory_bytes:
        used, limit = memory_bytes >> 20, watched.memory_bytes >> 20
        of_these = (
            f", {kernel >> 20} of them in page tables, sockets, pipes and files of /dev/shm" if kernel else ""
        )
        return Over(
            "memory_limit", f"used {used} MiB of memory{of_these}, more than its limit of {limit} MiB"
        )
    return _over_disk(watched, usage)


def _proportional_bytes(usage: _Usage) -> int:
    """Memory with shared pages split between those who share them: forks share most of theirs."""
    total = 0
    for pid in usage.address_spaces:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                line = next((line for line in file if line.startswith(b"Pss:")), b"Pss: 0 kB")
        except PermissionError:
            return usage.resident_bytes
        except OSError:
            continue
        total += int(line.split()[1]) << 10
    return total


def _over_disk(watched: Watched, usage: _Usage) -> Over | None:
    started = time.monotonic()
    if started < watched.walk_at:
        return None
    used = folder_bytes(watched.folder, watched.disk_bytes, since=None, max_files=watched.max_files)
    if used <= watched.disk_bytes and (
        written_bytes(usage.address_spaces) > watched.disk_bytes or watched.may_have_made_files()
    ):
        # It wrote more than its folder shows: into the drive, or into files without a name.
        used += nameless_bytes(usage.address_spaces)
        if watched.drive is not None:
            used += folder_bytes(watched.drive, watched.disk_bytes, since=watched.since)
    watched.walk_at = started + _WALK_SHARE * (time.monotonic() - started)
    if used > watched.disk_bytes:
        return Over(
            "disk_limit",
            f"holds more on disk than its limit of {watched.disk_bytes >> 20} MiB, or too many files",
        )
    return None


def memory_of(parent: int | None) -> int:
    """Bytes of memory of a warm parent; its spares share nearly all of theirs with it."""
    if parent is None:
        return 0
    try:
        with open(f"/proc/{parent}/statm", encoding="ascii") as file:
            size, resident = map(int, file.read().split()[:2])
        return resident * _PAGE_BYTES + kernel_bytes({parent: size * _PAGE_BYTES})
    except (OSError, IndexError, ValueError):
        return 0


def strays_of(parent: int, groups: set[int]) -> set[int]:
    """Descendants of a warm parent that are in no known group, or in the parent's own, where none should be."""
    found = set()
    for pid in descendants(parent):
        with suppress(OSError):
            group = os.getpgid(pid)
            if group not in groups or group == parent:
                found.add(pid)
    return found
