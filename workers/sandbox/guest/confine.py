"""Confine the calling process permanently: seccomp, Landlock and resource limits, through ctypes."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import stat
import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

from . import filters
from .syscalls import (
    ARCHITECTURES,
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
    STARTUP,
)

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_OOM_SCORE_ADJ, _MAX_OOM_SCORE_ADJ = "/proc/self/oom_score_adj", b"1000"
_PR_SET_CHILD_SUBREAPER, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 36, 22, 2
_CREATE_RULESET_VERSION = 1
_CAPABILITY_VERSION = 0x20080522
_CLONE_NEWNS = 0x00020000
_PR_CAPBSET_DROP = 24
_RULE_PATH, _RULE_PORT, _CONNECT_TCP = 1, 2, 2

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ: Final = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

_libc: Final = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class Compiled(ctypes.Structure):
    """A filter in the form of the kernel: compiled once, applied by many processes."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


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
    abi: int = _libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)
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
    size = ctypes.c_size_t(len(fence.attributes))
    ruleset = _checked(
        "landlock_create_ruleset", _libc.syscall(LANDLOCK_CREATE_RULESET, fence.attributes, size, 0)
    )
    own = [_rule_for(path, _READ & fence.filesystem) for path in readable]
    own += [_rule_for(path, fence.filesystem) for path in writable]
    for kind, rule in (*fence.rules, *own):
        _checked("landlock_add_rule", _libc.syscall(LANDLOCK_ADD_RULE, ruleset, kind, rule, 0))
    no_new_privileges()
    _checked("landlock_restrict_self", _libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0))
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
    result = _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)
    _checked("seccomp", result)


def no_new_privileges() -> None:
    """Prevent programs with the set-user-ID bit from adding privileges to this process."""
    _checked("no_new_privs", _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def become(uid: int) -> None:
    """Become a user permanently, with its own group and no other."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    drop_capabilities()


def drop_capabilities() -> None:
    """Drop all capabilities, also the inheritable ones that a change of user keeps."""
    architecture = ARCHITECTURES.get(os.uname().machine)
    number = None if architecture is None else STARTUP["capset"][architecture.column]
    if number is not None:
        header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
        _checked("capset", _libc.syscall(number, header, bytes(24)))


def hide_mounts() -> int:
    """Leave the mount namespace and keep its root, so that `/proc/<pid>/mountinfo` contains no paths of the host.

    That file lists the mounts of a process' namespace that it can reach from its root. This process enters an equal
    namespace and returns to the root of the first, from which nothing of the second can be reached. A process whose
    root is not that of its namespace can make no user namespaces either.

    Returns:
        A descriptor that keeps the first namespace alive: it must stay open as long as the sandbox lives.

    Raises:
        OSError: The kernel does not allow it.
    """
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        namespace = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked("unshare", _libc.unshare(_CLONE_NEWNS))
            os.fchdir(root)
            os.chroot(".")
        except OSError:
            os.close(namespace)
            raise
    finally:
        os.close(root)
    return namespace


def leave_first_process() -> None:
    """Continue in a child: process 1 of the namespaces runs only our own code, and waits for it.

    Process 1 keeps the user with which the sandbox was started. So the kernel ends it with the worker: a process that
    has changed its user would not be reached by that signal. With process 1 the whole sandbox ends. It also holds the
    namespace of the mounts, of which no process of a tenant has a descriptor.

    Called first of all, in a process that has started no thread. Returns in the child, which leads a group of its own.
    """
    end_first()
    namespace = None
    with suppress(OSError):  # the probe has reported it
        namespace = hide_mounts()
    drop_bounding_set()
    child = os.fork()
    if child == 0:
        if namespace is not None:
            os.close(namespace)
        os.setsid()
        return
    _wait_as_first_process(child, namespace)


def _wait_as_first_process(child: int, namespace: int | None) -> NoReturn:
    """Exit when the child exits, with its status; until then reap orphaned processes."""
    drop_capabilities()
    no_new_privileges()
    die_with_parent()
    set_dumpable(False)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) != namespace:
            with suppress(OSError):  # the one that listed them is already closed
                os.close(int(name))
    while True:
        with suppress(InterruptedError):
            ended, status = os.wait()
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


def drop_bounding_set() -> None:
    """Permanently drop all capabilities that a program could add to those of its caller."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            return  # the kernel has no more capabilities, or does not permit this


def enter_sandbox(uid: int | None, *, namespaced: bool) -> None:
    """Drop the privileges with which a sandbox starts.

    Args:
        uid: User to become; None to stay the same user.
        namespaced: The process has namespaces, and capabilities in them, of its own.
    """
    if uid is not None:
        become(uid)
    elif namespaced:
        drop_capabilities()


def die_with_parent() -> None:
    """Have the kernel end this process when the thread that started it ends."""
    _checked("pdeathsig", _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def adopt_orphans() -> None:
    """Make this process the parent of every descendant that loses its own."""
    _checked("subreaper", _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


def end_first() -> None:
    """Let the kernel end this process and its descendants first when the host has no memory left."""
    with suppress(OSError):
        descriptor = os.open(_OOM_SCORE_ADJ, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, _MAX_OOM_SCORE_ADJ)
        finally:
            os.close(descriptor)


def set_dumpable(dumpable: bool) -> None:
    """Set whether processes of the same user may inspect this one."""
    _checked("dumpable", _libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0))


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


def _checked(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result
