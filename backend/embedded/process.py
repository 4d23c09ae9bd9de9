"""A server's process: starting it out of reach of the terminal, recognising it later, ending it."""

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

KEPT_LOG_BYTES = 4 * 1024 * 1024

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Servers that this process started: kept, so that a dead one is reaped and not left a zombie."""


@dataclass(frozen=True, slots=True)
class Ending:
    """One way to ask a process to end, and how long it may take."""

    signal: signal.Signals
    patience_s: float


class Identity(TypedDict, total=False):
    """Who a child runs as, in the words of `Popen`."""

    user: int
    group: int
    extra_groups: list[int]


def spawn(command: Sequence[str | Path], *, account: Account, folder: Path, log: Path) -> int:
    """Start a server in a session of its own, as its account, its output in `log`; returns its process id."""
    _turn_over(log)
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
    """Arguments of `Popen` that make the child run as the account."""
    if not account.is_other:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def clean_environment() -> dict[str, str]:
    """What a server sees of our environment: nothing but a path, a language and a time zone."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def is_running(pid: int, mark: str) -> bool:
    """Return whether the process lives and names `mark` in its command line: another may have its number by now."""
    child = _children.get(pid)
    if child is not None:
        # A child's number is its own until it is reaped; just after its start the command line is still empty.
        if child.poll() is None:
            return True
        del _children[pid]
        return False
    return mark in _command_line(pid)


def end(pid: int, mark: str, endings: Sequence[Ending]) -> None:
    """Ask the process to end, in ever harder ways; returns when it has ended."""
    for ending in endings:
        if not is_running(pid, mark):
            return
        os.kill(pid, ending.signal)
        wait_until(lambda: not is_running(pid, mark), ending.patience_s)


def wait_until(fact: Callable[[], bool], patience_s: float) -> bool:
    """Wait for a fact; tells whether it came true in time."""
    deadline = time.monotonic() + patience_s
    while not fact():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def read_pid(file: Path) -> int | None:
    """Return the number in the first line of a pid file, or none."""
    try:
        return int(file.read_bytes().split(b"\n", 1)[0])
    except (OSError, ValueError):
        return None


def exists(pid: int) -> bool:
    """Return whether any process has this number."""
    return bool(_command_line(pid))


def works_in(folder: Path) -> bool:
    """Return whether a process has its working folder there; taken to be so where the system does not tell."""
    processes = process_folders()
    return not processes or any(_link(one / "cwd") == str(folder) for one in processes)


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


def _turn_over(log: Path) -> None:
    if log.exists() and log.stat().st_size > KEPT_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
