"""Confine processes that build or install packages, or that read one untrusted file."""

# ruff: noqa: PTH103
# (the guest side imports little)

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from . import confine, filters, privileges
from .syscalls import ARCHITECTURES


class Enclosure(NamedTuple):
    """The permissions of a process, as the worker sends them."""

    uid: int | None
    """User to become; None to stay the same user."""
    home: str
    """Its own folder, with `tmp` in it."""
    limits: dict[str, int]
    readable: list[str]
    writable: list[str]
    connect_ports: list[int]
    """TCP ports it may connect to, where Landlock supports this (Linux 6.7)."""
    families: list[int]
    datagrams: bool
    landlock: bool
    seccomp: bool
    namespaced: bool

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Enclosure:
        """Return the enclosure that the worker sent."""
        return cls(**body)


def enter(enclosure: Enclosure) -> None:
    """Confine this process and its descendants, before it reads any tenant data."""
    privileges.end_first()
    privileges.enter_sandbox(enclosure.uid, namespaced=enclosure.namespaced)
    if sys.platform == "linux":
        privileges.set_dumpable(False)
        privileges.die_with_parent()
    os.umask(0o022)
    temporary = f"{enclosure.home}/tmp"  # noqa: S108 - in a folder of its own
    os.makedirs(temporary, exist_ok=True)
    if enclosure.landlock:
        readable = confine.open_existing(enclosure.readable)
        writable = confine.open_existing(enclosure.writable)
        confine.landlock(
            confine.landlock_abi(),
            readable=readable,
            writable=writable,
            connect_ports=enclosure.connect_ports,
        )
        for opened in (*readable, *writable):
            os.close(opened.descriptor)
    if enclosure.seccomp:
        architecture = ARCHITECTURES[platform.machine()]
        program = filters.confinement(architecture, enclosure.families, datagrams=enclosure.datagrams)
        confine.seccomp(program)
        confine.seccomp(filters.one_group(architecture))
    confine.limit(enclosure.limits)
    os.environ.update(
        HOME=enclosure.home, TMPDIR=temporary, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1"
    )


_MAX_CPU_S: Final = 20
_MAX_MEMORY_BYTES: Final = 1 << 30


def become_reader(
    readable: Sequence[str] | None = None, *, cpu_s: int = _MAX_CPU_S, memory_bytes: int = _MAX_MEMORY_BYTES
) -> None:
    """Confine this process to reading what Python needs.

    It keeps its user, who may be the only one that can read the libraries that are imported later.

    Args:
        readable: What it can read. Default: everything that can be imported.
        cpu_s: Maximum CPU time.
        memory_bytes: Maximum memory.
    """
    if sys.platform == "linux":
        privileges.no_new_privileges()
        privileges.drop_capabilities()
    confine.limit({"CPU": cpu_s, "DATA": memory_bytes, "FSIZE": 0, "CORE": 1, "NOFILE": 64})
    if sys.platform != "linux":
        return
    abi = confine.landlock_abi()
    if abi:
        if readable is None:
            readable = [sys.prefix, sys.base_prefix, *(path for path in sys.path if path)]
        library = confine.open_existing(readable)
        confine.landlock(abi, readable=library, writable=[], connect_ports=())
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is not None:
        confine.seccomp(filters.reader(architecture))
