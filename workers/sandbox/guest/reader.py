"""Confines a process that reads one file of a stranger's, and does nothing else."""

from __future__ import annotations

import platform
import sys
from typing import Final

from . import confine, filters
from .syscalls import ARCHITECTURES

_MAX_CPU_S: Final = 20
_MAX_MEMORY_BYTES: Final = 1 << 30


def become_reader() -> None:
    """Give up everything but reading what Python needs.

    It stays who it is: a library may be another user's to read, and is imported as it is needed.
    """
    if sys.platform == "linux":
        confine.no_new_privileges()
        confine.give_up_capabilities()
    confine.limit({"CPU": _MAX_CPU_S, "DATA": _MAX_MEMORY_BYTES, "FSIZE": 0, "CORE": 1, "NOFILE": 64})
    if sys.platform != "linux":
        return
    abi = confine.landlock_abi()
    if abi:
        library = confine.open_existing([sys.prefix, sys.base_prefix, *(path for path in sys.path if path)])
        confine.landlock(abi, readable=library, writable=[], connect_ports=())
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is not None:
        confine.seccomp(filters.reader(architecture))
