"""Why a layer of the sandbox is missing, and what to do about it, in sentences for whoever runs the machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

NOT_INSTALLED: Final = "bubblewrap is not installed: install the package bubblewrap"
OFF: Final = "PURAS_SANDBOX is off"

_KERNEL: Final = Path("/proc/sys")


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the kernel is set to, as far as it can be read."""

    is_root: bool
    max_user_namespaces: int | None
    apparmor_restricts: bool
    """Ubuntu 23.10 and newer: programs without a profile get no rights in user namespaces."""
    clone_forbidden: bool
    """Debian's own switch."""

    @classmethod
    def here(cls) -> Kernel:
        """The settings of this machine."""
        return cls(
            is_root=os.geteuid() == 0,
            max_user_namespaces=_setting("user/max_user_namespaces"),
            apparmor_restricts=_setting("kernel/apparmor_restrict_unprivileged_userns") == 1,
            clone_forbidden=_setting("kernel/unprivileged_userns_clone") == 0,
        )


def bwrap_failed(bwrap: Path, said: str, kernel: Kernel) -> str:
    """Why bubblewrap does not work here."""
    said = " ".join(said.split())[-300:]
    if bwrap.exists() and not os.access(bwrap, os.X_OK):
        return f"{bwrap} may not be run: make it executable (chmod 755 {bwrap})"
    if kernel.is_root:
        return (
            f"{bwrap} cannot make namespaces as root ({said}): give this container the capability SYS_ADMIN, or run "
            "the worker as an ordinary user"
        )
    return f"{_no_user_namespaces(kernel)} ({bwrap}: {said})"


def user_ids_missing(first_uid: int, said: str) -> str:
    """Why jobs cannot have users of their own."""
    return (
        f"the users of projects, ids from {first_uid} on, do not exist in this container ({said}): map that many ids "
        "into it, or run the worker as an ordinary user"
    )


def library_unreadable(prefix: str) -> str:
    """Why functions cannot import what they need, though nothing is wrong with them."""
    return (
        f"the users of jobs cannot read Python's own library under {prefix}, and without bubblewrap's mounts they see "
        "it only where it lies, so functions that import more of it fail: install the package bubblewrap, or run the "
        "worker with a Python that everybody can read, such as one under /usr or /opt"
    )


def never_began(tries: int, unreadable_library: str | None) -> str:
    """Why the processes of a job ended before it was given to one of them."""
    why = (
        library_unreadable(unreadable_library)
        if unreadable_library
        else "the skill's import may end its process, or the machine may be out of memory or processes"
    )
    return f"The sandbox ended {tries} times before the job began: {why}."


def platform_has_none(platform: str) -> str:
    """Why there is no sandbox at all."""
    return f"there is no sandbox for {platform}: use it for development only, and Linux for other people's skills"


def _no_user_namespaces(kernel: Kernel) -> str:
    if kernel.max_user_namespaces == 0:
        return (
            "user namespaces are switched off: set `sysctl user.max_user_namespaces=15000`, or run the worker as "
            "root"
        )
    if kernel.apparmor_restricts:
        return (
            "AppArmor keeps user namespaces from programs without a profile (Ubuntu): add one for bwrap, set "
            "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run the worker as root"
        )
    if kernel.clone_forbidden:
        return (
            "user namespaces are for root alone: set `sysctl kernel.unprivileged_userns_clone=1`, or run the worker "
            "as root"
        )
    return (
        "user namespaces cannot be made: in a container, start it with a seccomp profile that allows them, or run "
        "the worker as root"
    )


def _setting(name: str) -> int | None:
    try:
        return int((_KERNEL / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
