"""Start a zygote process: its command line, plan and variables."""

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
from workers.sandbox.guest.wire import Plan
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.job_folders import JobFolders
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.paths import BASE_PYTHON, HostPaths, JobPaths, paths_inside, start_code
from workers.sandbox.isolation.watchdog import Watchdog

from .errors import ZygoteLost
from .spec import ZygoteSpec

NO_CORE_BYTES: Final = 1
"""Unlike 0, also no program that the host may have set to receive core dumps is started."""
MEMORY_ROOM_BYTES: Final = 256 << 20  # address space that is reserved and not used: stacks of threads
_END_S: Final = 5.0  # for a killed sandbox to end
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
class SharedResources:
    """The data that all zygotes of a worker process share."""

    layers: Layers
    folders: JobFolders
    packages_dir: Path
    api_base: str
    watchdog: Watchdog
    proxy: Proxy

    @property
    def is_mounted(self) -> bool:
        """Whether sandboxes have their own mounts and namespaces."""
        return self.layers.bwrap is not None

    def opens_to_internet(self, network: str | Sequence[str]) -> bool:
        """Return whether such a skill has a gateway: only in a network namespace, where it is the only connection."""
        return self.is_mounted and network != "none" and len(network) > 0


@dataclass(frozen=True, slots=True)
class Launched:
    """A started process and the worker's ends of its sockets and pipes."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    stdout: int
    stderr: int

    def kill(self, first: int | None) -> None:
        """End the zygote process; process 1 of the namespaces, and so all others, end with it."""
        if self.process.poll() is not None:
            return
        if first is None:
            self.process.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(first, signal.SIGKILL)

    async def wait(self) -> None:
        """Wait until its processes have ended."""
        try:
            await asyncio.to_thread(self.process.wait, _END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            await asyncio.to_thread(self.process.wait)


def can_reuse_folders(spec: ZygoteSpec, shared: SharedResources) -> bool:
    """Return whether jobs of the zygote can use folders of ended jobs; a staged drive is moved into the folder.

    The filter of system calls keeps the processes of a job in one group, so that their end is known, and reports Unix
    sockets; Landlock keeps other jobs from using the folder meanwhile.
    """
    is_confined = shared.is_mounted and shared.layers.seccomp and shared.layers.landlock_abi > 0
    return is_confined and spec.key.workspaces_dir is None and spec.drive is not None


async def launch(spec: ZygoteSpec, shared: SharedResources, host: HostPaths, *, cold: bool) -> Launched:
    """Start the process and send it the plan, including secrets, through a separate socket.

    Raises:
        ZygoteLost: the program cannot be started.
    """
    paths = paths_inside(host, mounted=shared.is_mounted)
    control, peer_control = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
    plan_socket, peer_plan = socket.socketpair()
    stdout, peer_stdout = os.pipe()
    stderr, peer_stderr = os.pipe()
    for descriptor in (control.fileno(), plan_socket.fileno(), stdout, stderr):
        os.set_blocking(descriptor, False)
    if hasattr(socket, "SO_PASSCRED"):
        control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    command = _command(spec, shared, host, paths, peer_control.fileno())
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 - a fork, which takes less than handing it to a thread
            command.argv,
            stdin=peer_plan.fileno(),
            stdout=peer_stdout,
            stderr=peer_stderr,
            pass_fds=[*command.descriptors, peer_control.fileno()],
            env={} if shared.is_mounted else {name: VARIABLES[name] for name in ("PATH", "LANG")},
            cwd="/",
            start_new_session=True,  # signals to the worker's process group must not reach it
        )
    except OSError as error:
        for descriptor in (control.detach(), plan_socket.detach(), stdout, stderr):
            os.close(descriptor)
        raise ZygoteLost(f"The sandbox cannot be started: {error}.") from None
    finally:
        command.close()
        for descriptor in (peer_plan.detach(), peer_control.detach(), peer_stdout, peer_stderr):
            os.close(descriptor)
    with suppress(OSError), plan_socket:
        plan = json.dumps(_plan(spec, shared, paths, cold=cold)._asdict()).encode()
        await asyncio.get_running_loop().sock_sendall(plan_socket, plan)
    return Launched(process, control, stdout, stderr)


def _command(
    spec: ZygoteSpec, shared: SharedResources, host: HostPaths, paths: JobPaths, control_fd: int
) -> mounts.Command:
    code = start_code("zygote", control_fd, folder=paths.kit, mounted=shared.is_mounted)
    program = [str(BASE_PYTHON), "-I", "-S", "-B", "-u", "-c", code]
    bwrap = shared.layers.bubblewrap
    if bwrap is None:
        return mounts.Command(program, [])
    uid = spec.uid if spec.uid is not None else os.getuid()
    return mounts.command(bwrap, host, uid=uid, as_root=os.geteuid() == 0, program=program)


def _plan(spec: ZygoteSpec, shared: SharedResources, paths: JobPaths, *, cold: bool) -> Plan:
    layers = shared.layers
    return Plan(
        skill_dir=spec.entrypoint.skill_dir.strip("/"),
        file=spec.entrypoint.file,
        function=spec.entrypoint.function,
        declared_inputs=sorted(spec.declared_inputs),
        jobs=paths.jobs,
        inputs=paths.inputs,
        deployment=paths.deployment,
        drive=paths.drive,
        kit=paths.kit,
        environment={**spec.variables, **_base_variables(spec, shared, paths)},
        readable=paths.readable,
        writable=paths.writable,
        limits=_import_limits(spec, shared),
        uid=spec.uid if os.geteuid() == 0 and layers.confines else None,
        prefix=paths.prefix,
        cold=cold,
        landlock=layers.landlock_abi > 0,
        seccomp=layers.seccomp,
        families=[AF_UNIX, AF_INET, AF_INET6] if shared.is_mounted else [],
        namespaced=shared.is_mounted,
        egress=shared.opens_to_internet(spec.key.network),
        reports_sockets=can_reuse_folders(spec, shared),
    )


def _base_variables(spec: ZygoteSpec, shared: SharedResources, paths: JobPaths) -> dict[str, str]:
    project = str(spec.key.project_id)
    variables = {**VARIABLES, "PURAS_WORKSPACE_ID": project, "PURAS_PROJECT_ID": project}
    variables["PATH"] = paths.program_path(VARIABLES["PATH"])
    if spec.drive is None:
        variables["PURAS_DRIVE_IS_ELSEWHERE"] = "1"
    if not shared.layers.confines:
        variables["PURAS_API_BASE"] = shared.api_base
    return variables


def _import_limits(spec: ZygoteSpec, shared: SharedResources) -> dict[str, int]:
    """Return the limits of the import: those of the skill's jobs."""
    limits = {
        "DATA": (spec.key.memory_mb << 20) + MEMORY_ROOM_BYTES,
        "FSIZE": spec.disk_mb << 20,
        "CORE": NO_CORE_BYTES,
    }
    if shared.is_mounted or spec.uid is not None:
        # Otherwise the kernel would count all processes of the user who runs the worker.
        limits["NPROC"] = USER_PROCESSES
    return limits
