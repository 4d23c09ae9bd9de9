"""Processes of sandboxes, held by descriptors: the number of one that is gone may be another process's."""

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


class Facts(NamedTuple):
    """What the kernel reports of a process."""

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
        """Whether it is not collected yet: until then no other process has its number."""
        return self._signal(0)

    def facts(self) -> Facts | None:
        """What the kernel reports of it; nothing if it is gone, or the kernel does not report it."""
        facts = _facts(self.pid)
        return facts if self.is_there else None  # checked last: another process may have the number

    def is_child_of(self, parent: int) -> bool:
        """Whether this process started it, directly; also if the kernel hides that from this user (`hidepid`)."""
        facts = self.facts()
        return self.is_there if facts is None else facts.parent == parent

    def kill(self) -> None:
        """End this process, and no other one of its group."""
        self._signal(signal.SIGKILL)

    def signal_group(self, number: int) -> bool:
        """Send a signal to every process of the group that it leads; false if there is none, or it is unknown.

        From Linux 6.9 on the kernel finds the group by the descriptor, whether or not the leader is gone. Before, the
        number is used immediately after a check that the leader still has it.
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
        """Whether there are processes of its group; before Linux 6.9 false when the leader is gone."""
        return self.signal_group(0)

    def end_group(self, ancestor: Process | None) -> bool:
        """End every process of its group; false if some of them may go on.

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
            if found <= ended:  # what was ended starts nothing more
                return ancestor is not None
            ended |= found
        return False

    def close(self) -> None:
        """Let go of it: from now on it counts as gone."""
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
        """Whether a group has the number, on a kernel that cannot report whether it is still this one."""
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
        """Living processes of the group, whose leader is gone."""
        if ancestor is None or not ancestor.is_there:
            return
        for pid in descendants(ancestor.pid):
            with suppress(ProcessLookupError):
                member = Process(pid)
                facts = member.facts()
                if facts is not None and facts.lives and facts.group == self.pid:
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
    """Hold the process that answers in a sandbox: process 1 of the namespaces started it, and bubblewrap that one."""
    if pid is None:
        return None
    with suppress(ProcessLookupError):
        process = Process(pid)
        facts = process.facts()
        first = None if facts is None else _facts(facts.parent)
        is_known = facts is not None and first is not None
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
    facts = process.facts()
    is_there = process.is_there
    process.close()
    return not is_there or (facts is not None and not facts.lives)


def descendants(pid: int) -> Iterator[int]:
    """The numbers of all processes below one."""
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


def _facts(pid: int) -> Facts | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a tenth of the time
            state, *rest = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return Facts(int(rest[0]), int(rest[1]), state not in b"ZX" and not int(rest[5]) & _EXITING)


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
