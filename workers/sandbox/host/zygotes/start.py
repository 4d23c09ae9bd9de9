"""Start the process of a zygote, which waits for its plan."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from workers.sandbox.guest import wire
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.paths import BASE_PYTHON, start_code

from .errors import ZygoteLost

_END_S: Final = 5.0  # for a killed sandbox to end
SYSTEM_VARIABLES: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Launched:
    """A started process and the worker's ends of its sockets and pipes."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    plan_socket: socket.socket
    stdout: int
    stderr: int

    def kill(self) -> None:
        """End the process; process 1 of the namespaces, and so all others, end with it."""
        if self.process.poll() is None:
            self.process.kill()

    def close(self) -> None:
        """Close the worker's ends, unless they are in use."""
        self.control.close()
        self.plan_socket.close()
        os.close(self.stdout)
        os.close(self.stderr)

    async def wait(self) -> None:
        """Wait until its processes have ended."""
        try:
            await asyncio.to_thread(self.process.wait, _END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


def start(command: Callable[[list[str]], mounts.Command], *, folder: str, mounted: bool) -> Launched:
    """Start the process of a zygote, which waits for its plan.

    Args:
        command: Returns the command that runs a program in the sandbox.
        folder: The folder that contains our packages, as the process sees it.
        mounted: Whether the sandbox has its own mounts and namespaces.

    Raises:
        ZygoteLost: the program cannot be started.
    """
    control, peer_control = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
    plan_socket, peer_plan = socket.socketpair()
    stdout, peer_stdout = os.pipe()
    stderr, peer_stderr = os.pipe()
    for descriptor in (control.fileno(), plan_socket.fileno(), stdout, stderr):
        os.set_blocking(descriptor, False)
    if hasattr(socket, "SO_PASSCRED"):
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    code = start_code("zygote", peer_control.fileno(), folder=folder, mounted=mounted, hides_mounts=False)
    to_run = command([str(BASE_PYTHON), "-I", "-S", "-B", "-u", "-c", code])
    try:
        process = subprocess.Popen(  # a fork, which takes less than handing it to a thread
            to_run.argv,
            stdin=peer_plan.fileno(),
            stdout=peer_stdout,
            stderr=peer_stderr,
            pass_fds=[*to_run.descriptors, peer_control.fileno()],
            env={} if mounted else SYSTEM_VARIABLES,
            cwd="/",
            start_new_session=True,  # signals to the worker's process group must not reach it
        )
    except OSError as error:
        for descriptor in (control.detach(), plan_socket.detach(), stdout, stderr):
            os.close(descriptor)
        raise ZygoteLost(f"The sandbox cannot be started: {error}.") from None
    finally:
        to_run.close()
        for descriptor in (peer_plan.detach(), peer_control.detach(), peer_stdout, peer_stderr):
            os.close(descriptor)
    return Launched(process, control, plan_socket, stdout, stderr)
