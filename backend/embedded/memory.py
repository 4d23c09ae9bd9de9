"""How much memory of this host, or of its container, the embedded PostgreSQL uses as its cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_MIB: Final = 1 << 20
_MIN_MB, _MAX_MB = 128, 1024
_SHARE: Final = 16
"""PostgreSQL recommends a quarter of a host of its own. Here jobs need most of the memory."""
_CONTAINER_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")


def shared_buffers_mb(memory_bytes: int) -> int:
    """Return the size of the cache for a host with so much memory, in MiB."""
    return max(_MIN_MB, min(_MAX_MB, memory_bytes // _SHARE // _MIB))


def total_bytes(container_limit: Path = _CONTAINER_LIMIT) -> int:
    """Return the memory of this host, or the limit of its container if that is lower."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(total, int(container_limit.read_text(encoding="ascii")))
    except (OSError, ValueError):  # not in a control group of version 2, or `max`
        return total
