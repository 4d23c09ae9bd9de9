"""Start, recognize and end the process of a server, which is detached from the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from backend.embedded.account import Account
from backend.embedded.processes import process_folders

MAX_LOG_BYTES = 4 * 1024 * 1024

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Servers that this process started, so that it can reap them when they end."""


@dataclass(frozen=True, slots=True)
class Ending:
    """A signal that ends a process, and how long the end may take."""

    signal: signal.Signals
    timeout_s: float


class Identity(TypedDict, total=False):
    """The account of a child process, as arguments of `Popen`."""

    user: int
    group: int
    extra_groups: list[int]


def spawn(command: Sequence[str | Path], *, account: Account, folder: Path, log: Path) -> int:
    """Start a server in its own session and account, with its output in `log`; return its process ID."""
    _rotate(log)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=clean_environment(),
            start_new_session=True,
            umask=0o077,
            **identity(account),
        )
    _children[child.pid] = child
    return child.pid


def identity(account: Account) -> Identity:
    """Return the arguments of `Popen` that run the child with the account."""
    if not account.is_other:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def clean_environment() -> dict[str, str]:
    """Return the environment of a server: only a path, a language and a time zone."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def is_running(pid: int, mark: str) -> bool:
    """Return whether the process runs and has `mark` in its command line, since its ID may have been reused."""
    child = _children.get(pid)
    if child is not None:
        # The ID of a child is not reused before it is reaped; directly after its start the command line is empty.
        if child.poll() is None:
            return True
        del _children[pid]
        return False
    return mark in _command_line(pid)


def end(pid: int, mark: str, endings: Sequence[Ending]) -> None:
    """End the process with signals of increasing severity; return when it has ended or all have failed."""
    for ending in endings:
        if not is_running(pid, mark):
            return
        os.kill(pid, ending.signal)
        wait_until(lambda: not is_running(pid, mark), ending.timeout_s)


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Wait for a condition; return whether it became true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def read_pid(file: Path) -> int | None:
    """Return the process ID in the first line of a PID file, or None."""
    try:
        return int(file.read_bytes().split(b"\n", 1)[0])
    except (OSError, ValueError):
        return None


def exists(pid: int) -> bool:
    """Return whether any process has this ID."""
    return bool(_command_line(pid))


def works_in(folder: Path) -> bool:
    """Return whether a process has this working folder; True if the system does not show that."""
    processes = process_folders()
    return not processes or any(
        _link(folder_of_process / "cwd") == str(folder) for folder_of_process in processes
    )


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _command_line(pid: int) -> str:
    if Path("/proc/self").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "))
        except OSError:
            return ""
    listed = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
