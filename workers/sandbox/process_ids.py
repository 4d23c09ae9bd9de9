"""What the kernel tells of a process by its number, which another one may have later."""

from __future__ import annotations

from typing import Final

_EXITING: Final = 0x4  # PF_EXITING of the kernel: its descriptors are closed because it ends


def lives(pid: int) -> bool:
    """Whether the process goes on running, as the kernel sees it; false where the kernel does not tell."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - a tenth of the time
            state, *rest = file.read().rpartition(")")[2].split()
    except OSError:
        return False
    return state not in "ZX" and not int(rest[5]) & _EXITING
