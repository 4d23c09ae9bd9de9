"""Try each sandbox layer once, as a job would use it, and report which layers work."""

from __future__ import annotations

import json
import os
import platform
import sys

from . import confine, filters, privileges
from .syscalls import ARCHITECTURES


def main(namespaced: bool) -> None:
    """Confine this process as a job is confined and print the layers as JSON. One argument: a user id or `-`."""
    mounts_problem = _mounts() if namespaced else None
    user_problem = _user(sys.argv[1])
    library = _unreadable_library()
    landlock, landlock_problem = _landlock()
    seccomp, seccomp_problem = _seccomp()
    problems = [problem for problem in (mounts_problem, landlock_problem, seccomp_problem) if problem]
    report = {"user": user_problem, "library": library, "landlock": landlock, "seccomp": seccomp}
    sys.stdout.write(json.dumps({**report, "problems": problems}))


def _mounts() -> str | None:
    try:
        privileges.hide_mounts()  # stays open: otherwise the mounts would be released
    except OSError as error:
        return f"jobs can read the paths of their mounts on this host: {error}"
    return None


def _user(uid: str) -> str | None:
    try:
        if uid != "-":
            privileges.become(int(uid))
    except OSError as error:
        return str(error)
    return None


def _unreadable_library() -> str | None:
    """Return the folder of the interpreter's library, if the users of jobs cannot read it."""
    return None if os.access(json.__file__, os.R_OK) else sys.base_prefix


def _landlock() -> tuple[int, str | None]:
    abi = confine.landlock_abi()
    if not abi:
        return 0, "this kernel has no Landlock (Linux 5.13 and newer, enabled at boot)"
    try:
        opened = confine.open_existing(["/", "/proc"])
        confine.landlock(abi, readable=opened, writable=[], connect_ports=())
    except OSError as error:
        return 0, f"Landlock cannot be used: {error}"
    return abi, None


def _seccomp() -> tuple[bool, str | None]:
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return False, f"the system-call filter does not support the architecture {platform.machine()}"
    try:
        confine.seccomp(filters.confinement(architecture, []))
    except OSError as error:
        return False, f"seccomp cannot be used: {error}"
    return True, None
