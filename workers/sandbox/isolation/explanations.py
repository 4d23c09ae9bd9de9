"""Create messages for operators: why a sandbox layer is missing, and how to fix it."""

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
    """Kernel settings, as far as they can be read."""

    is_root: bool
    max_user_namespaces: int | None
    apparmor_restricts: bool
    """Ubuntu 23.10 and newer: programs without a profile get no rights in user namespaces."""
    clone_forbidden: bool
    """Debian's own switch."""

    @classmethod
    def here(cls) -> Kernel:
        """Return the settings of this host."""
        return cls(
            is_root=os.geteuid() == 0,
            max_user_namespaces=_setting("user/max_user_namespaces"),
            apparmor_restricts=_setting("kernel/apparmor_restrict_unprivileged_userns") == 1,
            clone_forbidden=_setting("kernel/unprivileged_userns_clone") == 0,
        )


def bwrap_failed(bwrap: Path, output: str, kernel: Kernel) -> str:
    """Return why bubblewrap does not work here."""
    output = " ".join(output.split())[-300:]
    if bwrap.exists() and not os.access(bwrap, os.X_OK):
        return f"{bwrap} cannot be executed: make it executable (chmod 755 {bwrap})"
    if kernel.is_root:
        return (
            f"{bwrap} cannot create namespaces as root ({output}): give this container the capability "
            "SYS_ADMIN, or run the worker as an ordinary user"
        )
    return f"{_no_user_namespaces(kernel)} ({bwrap}: {output})"


def user_ids_missing(first_uid: int, output: str) -> str:
    """Return why jobs cannot have separate users."""
    return (
        f"the users of projects, ids from {first_uid} on, do not exist in this container ({output}): map "
        "that many IDs into it, or run the worker as an ordinary user"
    )


def library_unreadable(prefix: str) -> str:
    """Return why functions cannot import modules of the standard library."""
    return (
        f"the users of jobs cannot read Python's own library under {prefix}, and without the mounts of "
        "bubblewrap it has no other path, so functions that import more of it fail: install the package "
        "bubblewrap, or run the worker with a Python that all users can read, such as one under /usr or /opt"
    )


def never_started(attempts: int, unreadable_library: str | None) -> str:
    """Return why the processes of a job ended before one of them received it."""
    why = (
        library_unreadable(unreadable_library)
        if unreadable_library
        else "the skill's import may end its process, or the host may be out of memory or processes"
    )
    return f"The sandbox ended {attempts} times before the job started: {why}."


def platform_has_none(platform: str) -> str:
    """Return why there is no sandbox at all."""
    return (
        f"there is no sandbox for {platform}: use it only for development, and use Linux to run skills of "
        "others"
    )


def _no_user_namespaces(kernel: Kernel) -> str:
    if kernel.max_user_namespaces == 0:
        return (
            "user namespaces are disabled: set `sysctl user.max_user_namespaces=15000`, or run the worker "
            "as root"
        )
    if kernel.apparmor_restricts:
        return (
            "AppArmor denies user namespaces to programs without a profile (Ubuntu): add one for bwrap, set "
            "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run the worker as root"
        )
    if kernel.clone_forbidden:
        return (
            "only root can create user namespaces: set `sysctl kernel.unprivileged_userns_clone=1`, or run "
            "the worker as root"
        )
    return (
        "user namespaces cannot be created: in a container, start it with a seccomp profile that allows "
        "them, or run the worker as root"
    )


def _setting(name: str) -> int | None:
    try:
        return int((_KERNEL / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
