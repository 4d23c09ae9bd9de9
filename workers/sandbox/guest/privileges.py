"""Give up privileges of the calling process permanently.

Process 1 of a sandbox runs only this, `c_library` and `first_process`. What it imports takes memory as long as the
sandbox lives.
"""

from __future__ import annotations

import os
import sys

from .c_library import get_errno, libc
from .lean import suppress

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER = 24, 36
_OOM_SCORE_ADJ, _MAX_OOM_SCORE_ADJ = "/proc/self/oom_score_adj", b"1000"
_CAPABILITY_VERSION = 0x20080522
_CLONE_NEWNS = 0x00020000
_SIGKILL = 9  # `signal` loads the enumerations


def checked(what: str, result: int) -> int:
    """Return the result of a call of the C library.

    Raises:
        OSError: the call failed.
    """
    if result < 0:
        number = get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def no_new_privileges() -> None:
    """Prevent programs with the set-user-ID bit from adding privileges to this process."""
    checked("no_new_privs", libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def become(uid: int) -> None:
    """Become a user permanently, with its own group and no other."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    drop_capabilities()


def drop_capabilities() -> None:
    """Drop all capabilities, also the inheritable ones that a change of user keeps."""
    if sys.platform != "linux":
        return
    header = _CAPABILITY_VERSION.to_bytes(4, sys.byteorder) + bytes(4)
    checked("capset", libc.capset(header, bytes(24)))


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
            checked("unshare", libc.unshare(_CLONE_NEWNS))
            os.fchdir(root)
            os.chroot(".")
        except OSError:
            os.close(namespace)
            raise
    finally:
        os.close(root)
    return namespace


def drop_bounding_set() -> None:
    """Permanently drop all capabilities that a program could add to those of its caller."""
    for capability in range(64):
        if libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) < 0:
            return  # the kernel has no more capabilities, or does not permit this


def die_with_parent() -> None:
    """Have the kernel end this process when the thread that started it ends."""
    checked("pdeathsig", libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0))


def adopt_orphans() -> None:
    """Make this process the parent of every descendant that loses its own."""
    checked("subreaper", libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))


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
    checked("dumpable", libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0))
