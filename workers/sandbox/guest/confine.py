"""Confine the calling process permanently: seccomp, Landlock and resource limits."""

from __future__ import annotations

import os
import resource
import stat
import struct
import sys

from . import filters
from .c_library import CBytes, CSize, CUnsignedShort, Structure, byref, libc
from .lean import NamedTuple
from .privileges import checked, no_new_privileges
from .syscalls import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
    SECCOMP,
    Architecture,
)

TYPE_CHECKING = False  # type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_SECCOMP_SET_MODE_FILTER, _NEW_LISTENER = 1, 8
_CREATE_RULESET_VERSION = 1
_RULE_PATH, _RULE_PORT, _CONNECT_TCP = 1, 2, 2

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ: Final = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


class Compiled(Structure):
    """A filter in the form of the kernel: compiled once, applied by many processes."""

    _fields_ = (("length", CUnsignedShort), ("filter", CBytes))


class OpenedPath(NamedTuple):
    """A path that was opened in advance, so that granting access costs one call."""

    descriptor: int
    is_dir: bool


class Fence(NamedTuple):
    """The access rights of processes, in the form of the kernel.

    They are prepared once, and applied by many processes with their own paths.
    """

    filesystem: int
    """All rights that are restricted."""
    attributes: bytes
    rules: Sequence[tuple[int, bytes]]
    """Kind and body."""


def landlock_abi() -> int:
    """Return the version of Landlock that this kernel offers; 0 is none."""
    if sys.platform != "linux":
        return 0
    abi: int = libc.syscall(LANDLOCK_CREATE_RULESET, None, CSize(0), _CREATE_RULESET_VERSION)
    return max(0, abi)


def open_existing(paths: Sequence[str]) -> list[OpenedPath]:
    """Open those of the paths that exist, with `O_PATH`: nothing can be read through the descriptors."""
    opened = []
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        opened.append(OpenedPath(descriptor, stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    return opened


def landlock(
    abi: int,
    *,
    readable: Sequence[OpenedPath],
    writable: Sequence[OpenedPath],
    listable: Sequence[OpenedPath] = (),
    connect_ports: Sequence[int] | None,
) -> None:
    """Restrict this process and its descendants to the given paths, and to these TCP ports for connections.

    Without a list of ports, only the network namespace restricts TCP.
    """
    fence = fence_around(abi, readable=readable, writable=writable, connect_ports=connect_ports)
    rules = [_rule_for(path, _READ_DIR & fence.filesystem) for path in listable]
    enclose(fence._replace(rules=[*fence.rules, *rules]))


def fence_around(
    abi: int,
    *,
    readable: Sequence[OpenedPath],
    writable: Sequence[OpenedPath],
    connect_ports: Sequence[int] | None,
) -> Fence:
    """Return the fence that allows the given paths, which stay open, and connections to these TCP ports."""
    filesystem = _rights_of(abi)
    network = 3 if abi >= 4 and connect_ports is not None else 0
    scope = 3 if abi >= 6 else 0  # no abstract sockets and no signals to processes outside
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    attributes = struct.pack("QQQ", filesystem, network, scope)[:size]
    rules = [_rule_for(path, _READ & filesystem) for path in readable]
    rules += [_rule_for(path, filesystem) for path in writable]
    rules += [
        (_RULE_PORT, struct.pack("=QQ", _CONNECT_TCP, port))
        for port in ((connect_ports or ()) if network else ())
    ]
    return Fence(filesystem, attributes, rules)


def enclose(
    fence: Fence, *, readable: Sequence[OpenedPath] = (), writable: Sequence[OpenedPath] = ()
) -> None:
    """Apply the fence to this process and its descendants, with additional paths of their own."""
    size = CSize(len(fence.attributes))
    ruleset = checked(
        "landlock_create_ruleset", libc.syscall(LANDLOCK_CREATE_RULESET, fence.attributes, size, 0)
    )
    own = [_rule_for(path, _READ & fence.filesystem) for path in readable]
    own += [_rule_for(path, fence.filesystem) for path in writable]
    for kind, rule in (*fence.rules, *own):
        checked("landlock_add_rule", libc.syscall(LANDLOCK_ADD_RULE, ruleset, kind, rule, 0))
    no_new_privileges()
    checked("landlock_restrict_self", libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def seccomp(program: filters.Program) -> None:
    """Filter all later system calls of this process and its descendants with the program."""
    apply_filter(compiled(program))


def compiled(program: filters.Program) -> Compiled:
    """Return the program, ready for `apply_filter`."""
    return Compiled(len(program), filters.encode(program))


def apply_filter(program: Compiled) -> None:
    """Filter all later system calls of this process and its descendants with the program."""
    no_new_privileges()
    result = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, byref(program), 0, 0)
    checked("seccomp", result)


def report(program: filters.Program, architecture: Architecture) -> int:
    """Filter as `seccomp` does, and return the descriptor that gets what the program reports.

    Raises:
        OSError: the kernel cannot do this, or another filter reports already.
    """
    no_new_privileges()
    number = SECCOMP[architecture.column]
    result = libc.syscall(number, _SECCOMP_SET_MODE_FILTER, _NEW_LISTENER, byref(compiled(program)))
    return checked("seccomp", result)


def limit(limits: Mapping[str, int]) -> None:
    """Lower resource limits (`DATA`, `NPROC`…) permanently; a limit that is lower already stays."""
    for name, value in limits.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue
        _, hard = resource.getrlimit(kind)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (ceiling, ceiling))


def _rights_of(abi: int) -> int:
    rights: int = (1 << 13) - 1
    for since, right in ((2, 1 << 13), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        if abi >= since:
            rights |= right
    return rights


def _rule_for(opened: OpenedPath, rights: int) -> tuple[int, bytes]:
    granted = rights if opened.is_dir else rights & _OF_FILES
    return _RULE_PATH, struct.pack("=Qi", granted, opened.descriptor)
