"""Run one command of an agent: confine this process, start the command as a child, and report how it ended.

Run as `python -I -S -c "…; from puras_inside import shell; shell.main(…)"`, the plan on standard input. In namespaces
of its own this process is the first one: when it ends, so do all processes that the command has left behind.
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

from . import confine, filters, privileges, wire
from .gateways import GatewayPorts, hand_out
from .syscalls import ARCHITECTURES

_SHELLS: Final = ("/bin/bash", "/usr/bin/bash", "/bin/sh")
_NICENESS: Final = 5  # as jobs have it
_MAX_OPEN_FILES: Final = 1024
_NOT_STARTED: Final = 127  # exit code of shells for a missing program


class Plan(NamedTuple):
    """A command, its folder, and how it is confined."""

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


def main(control_fd: int, channel_fd: int | None) -> NoReturn:
    """Run one command, which inherits the channel if there is one."""
    _close_all_but(control_fd, *(() if channel_fd is None else (channel_fd,)))
    os.set_inheritable(control_fd, False)
    control = socket.socket(fileno=control_fd)
    wire.send(control, {"type": "started"})  # so that the worker can apply the limits
    with open(0, "rb", closefd=False) as source:
        plan = Plan(**json.load(source))
    gateway_ports = hand_out(control, egress=plan.egress, broker=False) if plan.namespaced else GatewayPorts()
    _confine(plan, gateway_ports)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    pid = os.fork()
    if pid == 0:
        _be_command(plan, gateway_ports)
    wire.send(control, {"type": "ended", "status": _wait_for(pid)})
    control.recv(
        1
    )  # until the worker has ended everything: while this process exists, its number is not reused
    os._exit(0)


def _close_all_but(*descriptors: int) -> None:
    """Close inherited descriptors: with one of the work folder, code could leave the sandbox."""
    for name in os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"):
        if int(name) not in (0, 1, 2, *descriptors):
            with suppress(OSError):  # the one that listed them is already closed
                os.close(int(name))


def _confine(plan: Plan, gateway_ports: GatewayPorts) -> None:
    privileges.end_first()
    privileges.enter_sandbox(plan.uid, namespaced=plan.namespaced)
    if sys.platform == "linux":
        privileges.adopt_orphans()
        privileges.set_dumpable(False)
        privileges.die_with_parent()
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
            # In its own network namespace only the command and its gateways listen on the loopback.
            connect_ports=None if plan.namespaced else gateway_ports.ports,
        )
        for opened in (*readable, *writable, *listable):
            os.close(opened.descriptor)
    if plan.seccomp:
        architecture = ARCHITECTURES[platform.machine()]
        confine.seccomp(filters.confinement(architecture, plan.families))
        if not plan.namespaced:
            confine.seccomp(filters.one_group(architecture))  # otherwise they could not all be ended
    confine.limit({"NOFILE": _MAX_OPEN_FILES, **plan.limits})


def _be_command(plan: Plan, gateway_ports: GatewayPorts) -> NoReturn:
    """Become the command, without Python's handling of signals."""
    try:
        for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(ignored, signal.SIG_DFL)
        os.nice(_NICENESS)
        environment = {
            **plan.environment,
            **gateway_ports.variables(),
            **gateway_ports.variables_of(1),
            **gateway_ports.loopback_variables(),
        }
        for shell in _SHELLS:
            with suppress(FileNotFoundError):
                os.execve(shell, [os.path.basename(shell), "-c", plan.command], environment)  # noqa: S606, PTH119
        os.write(2, b"this machine has no shell\n")
    except BaseException as error:  # noqa: BLE001 - nothing of this process may run on in the other
        os.write(2, f"the command could not be started: {error}\n".encode())
    os._exit(_NOT_STARTED)


def _wait_for(pid: int) -> int:
    """Reap processes until the command has ended, and return its exit code."""
    while True:
        with suppress(InterruptedError):
            ended, status = os.wait()
            if ended == pid:
                return os.waitstatus_to_exitcode(status)
