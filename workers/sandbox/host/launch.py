"""Starting the process of a warm parent: its command line, its plan, its variables."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.guest import wire
from workers.sandbox.guest.filters import AF_INET, AF_INET6, AF_UNIX
from workers.sandbox.guest.plan import Plan
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.job_folders import JobFolders
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.paths import BASE_PYTHON, HostPlaces, JobPlaces, seen_from_inside
from workers.sandbox.isolation.watchdog import Watchdog

from .errors import ParentLost
from .spec import ParentSpec

NO_CORE_BYTES: Final = 1
"""Unlike 0, also no program that the host may have set to receive core dumps is started."""
MEMORY_ROOM_BYTES: Final = 256 << 20  # address space that is asked for and not used: stacks of threads
_END_S: Final = 5.0  # for a killed sandbox to be gone
USER_PROCESSES: Final = 512  # of all jobs of one user together; the watchdog counts each job's own

VARIABLES: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # A thread pool that starts at import would forbid forking after it.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What all warm parents of a worker process share."""

    layers: Layers
    folders: JobFolders
    ours: Path
    api_base: str
    watchdog: Watchdog
    proxy: Proxy

    @property
    def is_mounted(self) -> bool:
        """Whether sandboxes live in mounts and namespaces of their own."""
        return self.layers.bwrap is not None

    def opens_to_internet(self, network: str | Sequence[str]) -> bool:
        """Whether there is a door for such a skill: only out of an empty network, or it would be no boundary."""
        return self.is_mounted and network != "none" and len(network) > 0


@dataclass(frozen=True, slots=True)
class Launched:
    """A started process and our ends of the ways to it."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    stdout: int
    stderr: int

    def kill(self, first: int | None) -> None:
        """End the process that answers to the worker; process 1 of the namespaces, and so all others, end with it."""
        if self.process.poll() is not None:
            return
        if first is None:
            self.process.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(first, signal.SIGKILL)

    async def wait(self) -> None:
        """Wait until its processes are gone and collected."""
        try:
            await asyncio.to_thread(self.process.wait, _END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


async def launch(spec: ParentSpec, ground: Ground, host: HostPlaces, *, cold: bool) -> Launched:
    """Start the process and tell it its plan, secrets included, over a socket of its own.

    Raises:
        ParentLost: the program cannot be started.
    """
    places = seen_from_inside(host, mounted=ground.is_mounted)
    control, their_control = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
    ours, plan_end = socket.socketpair()
    stdout, stdout_end = os.pipe()
    stderr, stderr_end = os.pipe()
    for descriptor in (control.fileno(), ours.fileno(), stdout, stderr):
        os.set_blocking(descriptor, False)
    if hasattr(socket, "SO_PASSCRED"):
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    command = _command(spec, ground, host, places, their_control.fileno())
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 - a fork, which takes less than handing it to a thread
            command.argv,
            stdin=plan_end.fileno(),
            stdout=stdout_end,
            stderr=stderr_end,
            pass_fds=[*command.descriptors, their_control.fileno()],
            env={} if ground.is_mounted else {name: VARIABLES[name] for name in ("PATH", "LANG")},
            cwd="/",
            start_new_session=True,  # a signal to the worker's group is for the worker to pass on
        )
    except OSError as error:
        for descriptor in (control.detach(), ours.detach(), stdout, stderr):
            os.close(descriptor)
        raise ParentLost(f"The sandbox cannot be started: {error}.") from None
    finally:
        command.close()
        for descriptor in (plan_end.detach(), their_control.detach(), stdout_end, stderr_end):
            os.close(descriptor)
    with suppress(OSError), ours:
        plan = json.dumps(_plan(spec, ground, places, cold=cold)._asdict()).encode()
        await asyncio.get_running_loop().sock_sendall(ours, plan)
    return Launched(process, control, stdout, stderr)


def _command(
    spec: ParentSpec, ground: Ground, host: HostPlaces, places: JobPlaces, control_fd: int
) -> mounts.Command:
    code = (
        f"import sys; sys.path.insert(0, {places.kit!r}); from puras_inside import parent; del sys.path[0]; "
        f"parent.main({control_fd}, {ground.is_mounted})"
    )
    program = [str(BASE_PYTHON), "-I", "-S", "-B", "-u", "-c", code]
    bwrap = ground.layers.bubblewrap
    if bwrap is None:
        return mounts.Command(program, [])
    uid = spec.uid if spec.uid is not None else os.getuid()
    return mounts.command(bwrap, host, uid=uid, as_root=os.geteuid() == 0, program=program)


def _plan(spec: ParentSpec, ground: Ground, places: JobPlaces, *, cold: bool) -> Plan:
    layers = ground.layers
    return Plan(
        skill_dir=spec.entrypoint.skill_dir.strip("/"),
        file=spec.entrypoint.file,
        function=spec.entrypoint.function,
        declared_inputs=sorted(spec.declared_inputs),
        jobs=places.jobs,
        deployment=places.deployment,
        drive=places.drive,
        kit=places.kit,
        environment={**spec.variables, **_own_variables(spec, ground, places)},
        readable=places.readable,
        writable=places.writable,
        limits=_import_limits(spec, ground),
        uid=spec.uid if os.geteuid() == 0 and layers.confines else None,
        prefix=places.prefix,
        cold=cold,
        landlock=layers.landlock_abi > 0,
        seccomp=layers.seccomp,
        families=[AF_UNIX, AF_INET, AF_INET6] if ground.is_mounted else [],
        namespaced=ground.is_mounted,
        egress=ground.opens_to_internet(spec.key.network),
    )


def _own_variables(spec: ParentSpec, ground: Ground, places: JobPlaces) -> dict[str, str]:
    project = str(spec.key.project_id)
    own = {**VARIABLES, "PURAS_WORKSPACE_ID": project, "PURAS_PROJECT_ID": project}
    own["PATH"] = places.program_path(VARIABLES["PATH"])
    if spec.drive is None:
        own["PURAS_DRIVE_IS_ELSEWHERE"] = "1"
    if not ground.layers.confines:
        own["PURAS_API_BASE"] = ground.api_base
    return own


def _import_limits(spec: ParentSpec, ground: Ground) -> dict[str, int]:
    """What the import may use already: the limits of the skill's jobs."""
    limits = {
        "DATA": (spec.key.memory_mb << 20) + MEMORY_ROOM_BYTES,
        "FSIZE": spec.disk_mb << 20,
        "CORE": NO_CORE_BYTES,
    }
    if ground.is_mounted or spec.uid is not None:
        # Elsewhere the kernel would count every process of the person who runs the worker.
        limits["NPROC"] = USER_PROCESSES
    return limits
