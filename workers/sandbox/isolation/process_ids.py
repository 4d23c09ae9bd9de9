"""Refer to processes of sandboxes by descriptors, since the number of an ended process can be reused."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, NamedTuple

_EXITING: Final = 0x4  # PF_EXITING of the kernel: its descriptors are closed because it ends
_PROCESS_GROUP: Final = 4  # PIDFD_SIGNAL_PROCESS_GROUP, from Linux 6.9 on
_WITHOUT_DESCRIPTORS: Final = (errno.ENOSYS, errno.EPERM)  # old kernels, and filters of containers
_CLOSED: Final = -1
_ROUNDS: Final = 20  # a process may fork while its group is ended


class ProcessInfo(NamedTuple):
    """The status of a process, as the kernel reports it."""

    parent: int
    group: int
    lives: bool
    """It runs and does not end."""


class Process:
    """One process, and the group that it leads if it leads one.

    Where the kernel has no descriptors of processes (macOS), the number alone is used.
    """

    __slots__ = ("_descriptor", "pid")

    def __init__(self, pid: int) -> None:
        """Hold the process that has this number now.

        Raises:
            ProcessLookupError: there is no such process.
        """
        self.pid = pid
        self._descriptor: int | None = _open(pid)

    @property
    def is_there(self) -> bool:
        """Whether it was not reaped yet: until then its number is not reused."""
        return self._signal(0)

    def info(self) -> ProcessInfo | None:
        """Return the status of the process; nothing if it has ended, or the kernel does not report it."""
        info = _read_info(self.pid)
        return info if self.is_there else None  # checked last: another process may have the number

    def is_child_of(self, parent: int) -> bool:
        """Return whether the parent started it directly; true if the kernel hides that from this user (`hidepid`)."""
        info = self.info()
        return self.is_there if info is None else info.parent == parent

    def kill(self) -> None:
        """End this process, and no other one of its group."""
        self._signal(signal.SIGKILL)

    def signal_group(self, number: int) -> bool:
        """Send a signal to every process of the group that it leads; false if there is none, or it is unknown.

        From Linux 6.9 on the kernel finds the group by the descriptor, whether or not the leader has ended.
        On earlier versions, the number is used immediately after a check that the leader still has it.
        """
        if self._descriptor is not None:
            try:
                signal.pidfd_send_signal(self._descriptor, number, None, _PROCESS_GROUP)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    return False
            else:
                return True
            if not self.is_there:
                return False
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
            return True
        return False

    def has_group(self) -> bool:
        """Return whether there are processes of its group.

        Before Linux 6.9, the result is false if the leader has ended.
        """
        return self.signal_group(0)

    def end_group(self, ancestor: Process | None) -> bool:
        """End all processes of its group; return false if some may survive.

        Args:
            ancestor: All processes of the group descend from it.
        """
        if self.signal_group(signal.SIGKILL) or not self._is_group_unknown():
            return True
        ended: set[int] = set()
        for _ in range(_ROUNDS):
            found = set()
            for member in self._members(ancestor):
                member.kill()
                member.close()
                found.add(member.pid)
            if found <= ended:  # ended processes start no others
                return ancestor is not None
            ended |= found
        return False

    def close(self) -> None:
        """Release it: from now on it counts as ended."""
        descriptor, self._descriptor = self._descriptor, _CLOSED
        if descriptor is not None and descriptor != _CLOSED:
            os.close(descriptor)

    def _signal(self, number: int) -> bool:
        try:
            if self._descriptor is None:
                os.kill(self.pid, number)
            else:
                signal.pidfd_send_signal(self._descriptor, number)
        except PermissionError:
            return True
        except OSError:
            return False
        return True

    def _is_group_unknown(self) -> bool:
        """Return whether a group has the number, on a kernel that cannot report whether it is still this one."""
        if self._descriptor in (None, _CLOSED):
            return False
        try:
            signal.pidfd_send_signal(self._descriptor, 0, None, _PROCESS_GROUP)
        except OSError as error:
            if error.errno != errno.EINVAL:
                return False
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, 0)
            return True
        return False

    def _members(self, ancestor: Process | None) -> Iterator[Process]:
        """Yield running processes of the group, whose leader has ended."""
        if ancestor is None or not ancestor.is_there:
            return
        for pid in descendants(ancestor.pid):
            with suppress(ProcessLookupError):
                member = Process(pid)
                info = member.info()
                if info is not None and info.lives and info.group == self.pid:
                    yield member
                else:
                    member.close()


def open_child(pid: int | None, parent: int) -> Process | None:
    """Hold a process by a number that was reported; none if the process that has it was not started by this parent."""
    if pid is None:
        return None
    with suppress(ProcessLookupError):
        process = Process(pid)
        if process.is_child_of(parent):
            return process
        process.close()
    return None


def open_below_first(pid: int | None, monitor: int) -> Process | None:
    """Hold the process that responds in a sandbox: the child of process 1 of the namespaces."""
    if pid is None:
        return None
    with suppress(ProcessLookupError):
        process = Process(pid)
        info = process.info()
        first = None if info is None else _read_info(info.parent)
        is_known = info is not None and first is not None
        if process.is_there and (not is_known or (first is not None and first.parent == monitor)):
            return process
        process.close()
    return None


def is_over(pid: int) -> bool:
    """Return whether a process has ended, or ends and runs no more code."""
    try:
        process = Process(pid)
    except ProcessLookupError:
        return True
    info = process.info()
    is_there = process.is_there
    process.close()
    return not is_there or (info is not None and not info.lives)


def is_group_over(pid: int) -> bool:
    """Return whether no process of a group is left; false also if another group has its number now."""
    try:
        os.killpg(pid, 0)
    except OSError as error:
        return error.errno == errno.ESRCH
    return False


def descendants(pid: int) -> Iterator[int]:
    """Yield the numbers of all processes below one."""
    pending = _children(pid)
    while pending:
        found = pending.pop()
        pending += _children(found)
        yield found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - names alone
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:  # noqa: PTH123 - a tenth of the time
                children += map(int, file.read().split())
    return children


def _read_info(pid: int) -> ProcessInfo | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a tenth of the time
            state, *rest = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return ProcessInfo(int(rest[0]), int(rest[1]), state not in b"ZX" and not int(rest[5]) & _EXITING)


def _open(pid: int) -> int | None:
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in _WITHOUT_DESCRIPTORS:
            return None
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise
        raise ProcessLookupError(error.errno, f"there is no process {pid}") from None
