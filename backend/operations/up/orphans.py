"""Adopt and reap descendants of `up` that lose their parent, and kill the remaining ones at its end."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Collection

from backend.embedded.processes import process_folders

PR_SET_CHILD_SUBREAPER = 36


class Orphans:
    """The descendants of this process without another parent (Linux only; elsewhere there are none)."""

    def __init__(self) -> None:
        self._dead_before: set[int] = set()

    def adopt(self) -> bool:
        """Make descendants whose parent ends children of this process from now on; return whether that is possible."""
        return sys.platform == "linux" and not ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def reap(self) -> None:
        """Reap children that were dead at the last call too; another part of the process may wait for younger ones.

        Only a dead child is a reason to read the processes of the host: `up` calls this twice a second.
        """
        if not _has_dead_child():
            self._dead_before = set()
            return
        dead = {child.pid for child in _processes() if child.parent == os.getpid() and child.is_dead}
        for pid in dead & self._dead_before:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                continue
        self._dead_before = dead

    def end_all(self, excluded: Collection[int]) -> list[int]:
        """Kill all live descendants except `excluded` and their descendants, and return the process IDs."""
        processes = [process for process in _processes() if not process.is_dead]
        family = {os.getpid()}
        while True:
            descendants = (
                {process.pid for process in processes if process.parent in family} - set(excluded) - family
            )
            if not descendants:
                break
            family |= descendants
        killed = sorted(family - {os.getpid()})
        for pid in killed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return killed


def _has_dead_child() -> bool:
    """Return whether a child waits to be reaped, and leave it to its parent's code."""
    if sys.platform != "linux":
        return False  # nothing was adopted
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


class _Process:
    def __init__(self, status: str) -> None:
        head, _, rest = status.rpartition(")")  # the name in the brackets may contain any characters
        fields = rest.split()
        self.pid = int(head.split(" ", 1)[0])
        self.is_dead = fields[0] in "ZX"
        self.parent = int(fields[1])


def _processes() -> list[_Process]:
    found: list[_Process] = []
    for folder in process_folders():
        try:
            found.append(_Process((folder / "stat").read_text(encoding="utf-8", errors="replace")))
        except OSError:
            continue
    return found
