"""Create a control group for each job: the kernel limits the memory and processes of the whole job.

Used in addition to the watchdog, if a group was delegated: it immediately ends jobs that grow between two checks.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from backend.core import logs
from workers.sandbox.isolation.cgroup_delegation import Delegated, NotDelegated, claim, enable
from workers.sandbox.isolation.job_folders import make_owned, remove_if_unowned
from workers.types import RunLimits

from .process_ids import Process

_PREFIX: Final = "puras-worker-"
_PERIOD_US: Final = 100_000
_THREADS_PER_PROCESS: Final = 8  # the kernel counts threads, the limit of a job counts processes
_OPTIONAL: Final = ("memory.swap.max",)  # kernels without swap have no such file
_EMPTY_S: Final = 5.0  # for killed processes to end
_POLL_S: Final = 0.01

log = logs.get(__name__)


class Group:
    """The group of one job."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, process: Process) -> None:
        """Move a process into the group, with all its threads; its later children start there.

        The kernel accepts a number here, which another process may have if this one has ended.
        """
        if process.is_there:
            with suppress(ProcessLookupError):
                _write(self._folder / "cgroup.procs", str(process.pid))

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the kernel ended processes of the group because it was full."""
        with suppress(OSError):
            lines = (self._folder / "memory.events").read_text(encoding="ascii").splitlines()
            return any(line.startswith("oom_kill ") and line != "oom_kill 0" for line in lines)
        return False

    def remove(self) -> None:
        """End all its processes and remove it."""
        with suppress(OSError):
            _write(self._folder / "cgroup.kill", "1")
        deadline = time.monotonic() + _EMPTY_S
        while time.monotonic() < deadline:
            try:
                self._folder.rmdir()
            except FileNotFoundError:
                return
            except OSError:  # its processes have not ended yet
                time.sleep(_POLL_S)
            else:
                return
        log.warning("control group not removed", group=str(self._folder))


class ControlGroups:
    """The groups of this worker process, in a group of its own."""

    def __init__(self, delegated: Delegated, *, cpus: float | None = None) -> None:
        self._controllers = delegated.controllers
        self._cpus = cpus
        self._count = 0
        self._removals: queue.SimpleQueue[Group | None] = queue.SimpleQueue()
        for leftover in delegated.folder.glob(f"{_PREFIX}*"):
            remove_if_unowned(leftover, _remove_tree)
        self._own = make_owned(delegated.folder, _PREFIX)
        if self._controllers:
            enable(self._own.folder, sorted(self._controllers))
        self._janitor = threading.Thread(target=self._remove_all, name="control groups", daemon=True)
        self._janitor.start()

    def hold(self, process: Process | None, limits: RunLimits) -> Group | None:
        """Return a new group with the process of a job; none if the kernel creates none."""
        if process is None:
            return None
        group = None
        try:
            group = self.make(memory_bytes=limits.memory_mb << 20, processes=limits.processes)
            group.add(process)
        except OSError as error:
            log.warning("job runs without a control group", error=str(error))
            if group is not None:
                self.remove_soon(group)
            return None
        return group

    def make(self, *, memory_bytes: int, processes: int) -> Group:
        """Return a group with these limits.

        Raises:
            OSError: the kernel creates no more.
        """
        self._count += 1
        folder = self._own.folder / str(self._count)
        folder.mkdir()
        group = Group(folder)
        try:
            limits = limits_for(
                self._controllers, memory_bytes=memory_bytes, processes=processes, cpus=self._cpus
            )
            for name, value in limits.items():
                if name not in _OPTIONAL or (folder / name).exists():
                    _write(folder / name, value)
        except OSError:
            group.remove()
            raise
        return group

    def remove_soon(self, group: Group) -> None:
        """End the processes of a group and remove it, in the background."""
        self._removals.put(group)

    def close(self) -> None:
        """Remove everything and wait for it."""
        self._removals.put(None)
        self._janitor.join()
        _remove_tree(self._own.folder)
        os.close(self._own.descriptor)

    def _remove_all(self) -> None:
        while (group := self._removals.get()) is not None:
            group.remove()


def limits_for(
    controllers: frozenset[str], *, memory_bytes: int, processes: int, cpus: float | None
) -> dict[str, str]:
    """Return the values for the files of a group with these controllers."""
    limits: dict[str, str] = {}
    if "memory" in controllers:
        limits |= {"memory.max": str(memory_bytes), "memory.swap.max": "0", "memory.oom.group": "1"}
    if "pids" in controllers:
        limits["pids.max"] = str(processes * _THREADS_PER_PROCESS)
    if "cpu" in controllers and cpus is not None:
        limits["cpu.max"] = f"{int(cpus * _PERIOD_US)} {_PERIOD_US}"
    return limits


def open_control_groups(*, cpus: float | None) -> tuple[ControlGroups | None, str | None]:
    """Return the control groups of this host for jobs, or the reason why there are none."""
    try:
        return ControlGroups(claim(), cpus=cpus), None
    except (NotDelegated, OSError) as error:
        return None, str(error)


def _remove_tree(folder: Path) -> None:
    for path in sorted(folder.glob("*/")) if folder.is_dir() else ():
        Group(path).remove()
    Group(folder).remove()


def _write(file: Path, text: str) -> None:
    """Write to a file of the kernel, without creating it."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
