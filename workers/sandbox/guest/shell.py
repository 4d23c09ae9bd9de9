"""One command of an agent: confine this process, start the command below it, tell how it ended.

Run as `python -I -S -c "…; from puras_inside import shell; shell.main(…)"`, the plan on standard input. In namespaces
of its own this process is the first: when it ends, so does everything that the command has left behind.
"""

# ruff: noqa: PTH208
# (every call runs before a command; pathlib costs)

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import sys
from contextlib import suppress
from typing import Final, NamedTuple, NoReturn

from . import confine, filters, wire
from .doors import Doors, hand_out
from .syscalls import ARCHITECTURES

_SHELLS: Final = ("/bin/bash", "/usr/bin/bash", "/bin/sh")
_NICENESS: Final = 5  # as jobs have it
_MAX_OPEN_FILES: Final = 1024
_NOT_STARTED: Final = 127  # what shells answer for a program that is not there


class Plan(NamedTuple):
    """A command, the place where it runs, and how far it is confined."""

    command: str
    folder: str
    environment: dict[str, str]
    uid: int | None
    limits: dict[str, int]
    readable: list[str]
    writable: list[str]
    landlock: bool
    seccomp: bool
    families: list[int]
    namespaced: bool
    egress: bool
    listable: list[str]


def main(control_fd: int, channel_fd: int | None, namespaced: bool) -> NoReturn:
    """Serve one command, which keeps the channel if there is one."""
    if namespaced:
        confine.leave_first_process()
    _close_all_but(control_fd, *(() if channel_fd is None else (channel_fd,)))
    os.set_inheritable(control_fd, False)
    control = socket.socket(fileno=control_fd)
    wire.send(control, {"type": "seated"})  # tells the worker whom to watch
    with open(0, "rb", closefd=False) as source:
        plan = Plan(**json.load(source))
    doors = hand_out(control, egress=plan.egress, broker=False) if plan.namespaced else Doors()
    _confine(plan, doors)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    pid = os.fork()
    if pid == 0:
        _be_command(plan, doors)
    wire.send(control, {"type": "ended", "status": _wait_for(pid)})
    control.recv(
        1
    )  # until the worker has ended everything: as long as this lives, its number is nobody else's
    os._exit(0)


def _close_all_but(*kept: int) -> None:
    """Among what was handed on may be a descriptor of the work folder, and from that one leads a way out."""
    for name in os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"):
        if int(name) not in (0, 1, 2, *kept):
            with suppress(OSError):  # the one that listed them is closed already
                os.close(int(name))


def _confine(plan: Plan, doors: Doors) -> None:
    confine.end_first()
    confine.enter_sandbox(plan.uid, namespaced=plan.namespaced)
    if sys.platform == "linux":
        confine.adopt_orphans()
        confine.set_dumpable(False)
        confine.die_with_parent()
    os.umask(0o077)
    os.chdir(plan.folder)
    if plan.landlock:
        readable, writable = confine.open_existing(plan.readable), confine.open_existing(plan.writable)
        listable = confine.open_existing(plan.listable)
        confine.landlock(
            confine.landlock_abi(),
            readable=readable,
            writable=writable,
            listable=listable,
            # A network namespace of its own has a loopback on which nothing but the command and its doors listens.
            connect_ports=None if plan.namespaced else doors.ports,
        )
        for place in (*readable, *writable, *listable):
            os.close(place.descriptor)
    if plan.seccomp:
        architecture = ARCHITECTURES[platform.machine()]
        confine.seccomp(filters.confinement(architecture, plan.families))
        if not plan.namespaced:
            confine.seccomp(filters.one_group(architecture))  # there is nothing else to end them all by
    confine.limit({"NOFILE": _MAX_OPEN_FILES, **plan.limits})


def _be_command(plan: Plan, doors: Doors) -> NoReturn:
    """Become the command; Python's own handling of signals must not come along."""
    try:
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        os.nice(_NICENESS)
        environment = {
            **plan.environment,
            **doors.variables(),
            **doors.variables_of(1),
            **doors.loopback_variables(),
        }
        for shell in _SHELLS:
            with suppress(FileNotFoundError):
                os.execve(shell, [os.path.basename(shell), "-c", plan.command], environment)  # noqa: S606, PTH119
        os.write(2, b"this machine has no shell\n")
    except BaseException as error:  # noqa: BLE001 - nothing of this process may run on in the other
        os.write(2, f"the command could not begin: {error}\n".encode())
    os._exit(_NOT_STARTED)


def _wait_for(pid: int) -> int:
    """Collect what ends until the command has."""
    while True:
        with suppress(InterruptedError):
            ended, status = os.wait()
            if ended == pid:
                return os.waitstatus_to_exitcode(status)
