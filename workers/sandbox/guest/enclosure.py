"""How far a process that builds or installs packages is confined, and confining it."""

# ruff: noqa: PTH103
# (the guest side imports little)

from __future__ import annotations

import os
import platform
import sys
from typing import Any, NamedTuple

from . import confine, filters
from .syscalls import ARCHITECTURES


class Enclosure(NamedTuple):
    """What a process may use, told by the worker."""

    uid: int | None
    """User to become; None to stay the same user."""
    home: str
    """Its own folder, with `tmp` in it."""
    limits: dict[str, int]
    readable: list[str]
    writable: list[str]
    connect_ports: list[int]
    """TCP ports it may connect to, where Landlock can tell (Linux 6.7)."""
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
    """Confine this process and everything that it starts, before it reads anything of a tenant's."""
    confine.end_first()
    confine.enter_sandbox(enclosure.uid, namespaced=enclosure.namespaced)
    if sys.platform == "linux":
        confine.set_dumpable(False)
        confine.die_with_parent()
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
        for place in (*readable, *writable):
            os.close(place.descriptor)
    if enclosure.seccomp:
        architecture = ARCHITECTURES[platform.machine()]
        program = filters.confinement(architecture, enclosure.families, datagrams=enclosure.datagrams)
        confine.seccomp(program)
        confine.seccomp(filters.one_group(architecture))
    confine.limit(enclosure.limits)
    os.environ.update(
        HOME=enclosure.home, TMPDIR=temporary, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1"
    )
