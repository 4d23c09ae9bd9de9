"""Detect a delegated control group (version 2).

A group is delegated if systemd marks it (`Delegate=yes`), if it belongs to the user of the worker, or if it is the root
of a container's own namespace. Other groups are not changed, even if root could.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONTROLLERS: Final = ("memory", "pids", "cpu")
REQUIRED: Final = ("memory", "pids")
MAIN: Final = "puras-main"

_MARKS: Final = ("user.delegate", "trusted.delegate")
_MAX_ATTEMPTS: Final = 10


@dataclass(frozen=True, slots=True)
class Delegated:
    """A group in which groups with these controllers can be created."""

    folder: Path
    controllers: frozenset[str]


class NotDelegated(Exception):
    """No group was delegated; the message is for the operator of the host."""


def claim(process: Path = Path("/proc/self")) -> Delegated:
    """Return the group in which to create groups; its own processes are moved one level down, as the kernel requires.

    Raises:
        NotDelegated: no group was delegated.
    """
    current = _current_group(process)
    for folder in (current.parent, current):
        if _is_delegated(folder):
            return Delegated(folder, _enable(folder))
    raise NotDelegated(
        f"the control group {current} was not delegated: with systemd, set Delegate=yes in the service; in "
        "a container, mount its own control groups read-write"
    )


def _current_group(process: Path) -> Path:
    mounted = _mount(process / "mountinfo")
    lines = (process / "cgroup").read_text(encoding="utf-8").splitlines()
    path = next((line[3:] for line in lines if line.startswith("0::")), None)
    if mounted is None or path is None:
        raise NotDelegated("this host has no control groups of version 2 (mount -t cgroup2)")
    root, at = mounted
    inner = os.path.relpath(path, root)
    if inner.startswith(".."):
        raise NotDelegated(f"the control group {path} is outside of the mount at {at}")
    return (at / inner).resolve()


def _mount(mountinfo: Path) -> tuple[str, Path] | None:
    """Return the root of the mounted groups, and where they are mounted."""
    for line in mountinfo.read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        if after.startswith("cgroup2 "):
            fields = before.split(" ")
            return fields[3], Path(fields[4].replace("\\040", " "))
    return None


def _is_delegated(folder: Path) -> bool:
    """Return whether this process may manage the group; never the root group of the host, which has no type."""
    if not (folder / "cgroup.type").exists():
        return False
    files = (folder, folder / "cgroup.procs", folder / "cgroup.subtree_control")
    if not all(os.access(file, os.W_OK) for file in files):
        return False
    if os.geteuid() != 0:
        return folder.stat().st_uid == os.geteuid()
    return not (folder.parent / "cgroup.procs").exists() or _is_marked(folder)


def _is_marked(folder: Path) -> bool:
    for mark in _MARKS:
        with suppress(OSError):
            if os.getxattr(folder, mark) == b"1":
                return True
    return False


def _enable(folder: Path) -> frozenset[str]:
    """Let groups in this one have the controllers.

    Raises:
        NotDelegated: it lacks a required controller, or does not delegate it.
    """
    offered = (folder / "cgroup.controllers").read_text(encoding="ascii").split()
    missing = [name for name in REQUIRED if name not in offered]
    if missing:
        raise NotDelegated(
            f"the control group {folder} has no controller for {' and '.join(missing)}: delegate it too "
            "(systemd: Delegate=memory pids cpu; on a host that also uses version 1, the controllers may be "
            "there)"
        )
    available = [name for name in CONTROLLERS if name in offered]
    enable(folder, available)
    return frozenset(available)


def enable(folder: Path, controllers: Sequence[str]) -> None:
    """Delegate controllers to the groups inside; a group that does so must not contain processes itself."""
    control = folder / "cgroup.subtree_control"
    for _ in range(_MAX_ATTEMPTS):
        try:
            control.write_text(" ".join(f"+{name}" for name in controllers), encoding="ascii")
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise NotDelegated(f"the control group {folder} keeps its controllers: {error}") from None
            _move_down(folder)
        else:
            return
    raise NotDelegated(f"processes are still added to the control group {folder}")


def _move_down(folder: Path) -> None:
    main = folder / MAIN
    main.mkdir(exist_ok=True)
    for pid in (folder / "cgroup.procs").read_text(encoding="ascii").split():
        with suppress(ProcessLookupError):
            (main / "cgroup.procs").write_text(pid, encoding="ascii")
