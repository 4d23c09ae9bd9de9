"""Try every layer once, the way a job would use it, and say what held."""

from __future__ import annotations

import json
import os
import platform
import sys

from . import confine, filters
from .syscalls import ARCHITECTURES


def main() -> None:
    """Confine this process as a job is confined and print the layers as JSON. One argument: a user id or `-`."""
    user_problem = _user(sys.argv[1])
    interpreter_problem = _interpreter()
    landlock, landlock_problem = _landlock()
    seccomp, seccomp_problem = _seccomp()
    problems = [problem for problem in (interpreter_problem, landlock_problem, seccomp_problem) if problem]
    answer = {"user": user_problem, "landlock": landlock, "seccomp": seccomp, "problems": problems}
    sys.stdout.write(json.dumps(answer))


def _user(uid: str) -> str | None:
    try:
        if uid != "-":
            confine.become(int(uid))
    except OSError as error:
        return str(error)
    return None


def _interpreter() -> str | None:
    if os.access(json.__file__, os.R_OK):
        return None
    return f"the users of jobs cannot read the interpreter's library under {sys.base_prefix}: some imports will fail"


def _landlock() -> tuple[int, str | None]:
    abi = confine.landlock_abi()
    if not abi:
        return 0, "this kernel has no Landlock (Linux 5.13 and newer, enabled at boot)"
    try:
        places = confine.open_existing(["/", "/proc"])
        confine.landlock(abi, readable=places, writable=[], connect_ports=())
    except OSError as error:
        return 0, f"Landlock cannot be used: {error}"
    return abi, None


def _seccomp() -> tuple[bool, str | None]:
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is None:
        return False, f"there is no system-call filter for the architecture {platform.machine()}"
    try:
        confine.seccomp(filters.confinement(architecture, []))
    except OSError as error:
        return False, f"seccomp cannot be used: {error}"
    return True, None
