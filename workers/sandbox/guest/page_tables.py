"""Let forked processes inherit where the code of the interpreter is in memory, instead of finding it page by page.

When a process forks, Linux leaves out the page tables of mappings that it can fill from a file, such as those of
program code: each child then has a page fault for each part of the code that it runs, a quarter of all its faults. The
table of a mapping that has a page of its own is copied (`vma_needs_copy` in `mm/memory.c`).
"""

# ruff: noqa: PTH123
# (the guest side imports little)

from __future__ import annotations

from .lean import suppress

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from typing import Final

_MIN_BYTES: Final = 128 << 10
"""Smaller mappings save fewer faults than the page costs that each zygote gets for them."""


def let_children_inherit() -> None:
    """Write the first byte of each large mapping of program code again, so that it has a page of its own.

    Call it before this process stops being dumpable, since it cannot open its memory later. Where the kernel does
    not permit this, children find the code as before.
    """
    with (
        suppress(OSError),
        open("/proc/self/maps", "rb") as mappings,
        open("/proc/self/mem", "r+b", buffering=0) as memory,
    ):
        for start in _large_mappings(mappings.read()):
            memory.seek(start)
            first = memory.read(1)
            memory.seek(start)
            memory.write(first)


def _large_mappings(lines: bytes) -> list[int]:
    """Return the addresses of the mappings that are private, not writable and of a file."""
    found = []
    for line in lines.splitlines():
        fields = line.split(None, 5)
        start, _, end = fields[0].partition(b"-")
        permissions = fields[1]
        is_of_file = len(fields) > 5 and fields[5].startswith(b"/")
        if is_of_file and permissions[1:2] == b"-" and permissions[3:4] == b"p":
            address = int(start, 16)
            if int(end, 16) - address >= _MIN_BYTES:
                found.append(address)
    return found
