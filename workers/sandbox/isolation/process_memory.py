"""Measure the memory of processes that share most of it."""

# ruff: noqa: PTH123
# (this module works on /proc)

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from .kernel_memory import kernel_bytes
from .process_ids import descendants

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TOLERANCE: Final = 16  # a change of the size by less than this fraction is not measured again


class SandboxMemory:
    """The memory of the processes of an idle sandbox.

    They share most of it, so that the sum of their sizes would be several times as much. What they really take is known
    only from all of their mappings, which the kernel reads in about a millisecond per process. So it is measured again
    only when the size of the zygote has changed.
    """

    def __init__(self, first: int, zygote: int) -> None:
        """Refer to a sandbox by its first process on this host, whose descendants all others are, and by its zygote."""
        self._first = first
        self._zygote = zygote
        self._resident_bytes = 0
        self._bytes = 0

    def read(self) -> int:
        """Return the bytes of memory, with those of the kernel."""
        try:
            with open(f"/proc/{self._zygote}/statm", encoding="ascii") as file:
                size, resident = (int(pages) * _PAGE_BYTES for pages in file.read().split()[:2])
        except (OSError, ValueError):
            return 0
        if abs(resident - self._resident_bytes) > self._resident_bytes // _TOLERANCE:
            pids = self._pids()
            shares = _shares_bytes(pids)
            is_complete = shares is None or (None not in shares and pids == self._pids())
            self._resident_bytes = resident if is_complete else 0
            self._bytes = sum(filter(None, shares or ())) or resident
        return self._bytes + kernel_bytes({self._zygote: size})

    def _pids(self) -> list[int]:
        return [self._first, *descendants(self._first)]


def proportional_bytes(pids: Iterable[int]) -> int | None:
    """Return the memory of processes, with pages divided among all processes that share them: forks share most.

    None: this user may not read it.
    """
    shares = _shares_bytes(pids)
    return None if shares is None else sum(filter(None, shares))


def _shares_bytes(pids: Iterable[int]) -> list[int | None] | None:
    """Return the share of each process in their memory, None for one that has ended; None: the user may not read it."""
    shares: list[int | None] = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                line = next((line for line in file if line.startswith(b"Pss:")), b"Pss: 0 kB")
        except PermissionError:
            return None
        except OSError:
            shares.append(None)
        else:
            shares.append(int(line.split()[1]) << 10)
    return shares
