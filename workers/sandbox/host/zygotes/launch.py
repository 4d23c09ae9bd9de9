"""Start a zygote: its command line, plan and variables."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.guest.filters import AF_INET, AF_INET6, AF_UNIX
from workers.sandbox.guest.wire import Plan
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.job_folders import JobFolders
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.paths import HostPaths, JobPaths, paths_inside
from workers.sandbox.isolation.watchdog import Watchdog

from .prepared import Assigned, PreparedSandboxes
from .spec import ZygoteSpec
from .start import SYSTEM_VARIABLES, Launched, start

NO_CORE_BYTES: Final = 1
"""Unlike 0, also no program that the host may have set to receive core dumps is started."""
MEMORY_ROOM_BYTES: Final = 256 << 20  # address space that is reserved and not used: stacks of threads
USER_PROCESSES: Final = 512  # of all jobs of one user together; the watchdog counts each job's own

VARIABLES: Final = {
    **SYSTEM_VARIABLES,
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
    prepared: PreparedSandboxes

    @property
    def is_mounted(self) -> bool:
        """Whether sandboxes have their own mounts and namespaces."""
        return self.layers.bwrap is not None

    def opens_to_internet(self, network: str | Sequence[str]) -> bool:
        """Return whether such a skill has a gateway: only in a network namespace, where it is the only connection."""
        return self.is_mounted and network != "none" and len(network) > 0


def can_reuse_folders(spec: ZygoteSpec, shared: SharedResources) -> bool:
    """Return whether jobs of the zygote can use folders of ended jobs; a staged drive is moved into the folder.

    The filter of system calls keeps the processes of a job in one group, so that their end is known, and reports Unix
    sockets; Landlock keeps other jobs from using the folder meanwhile.
    """
    is_confined = shared.is_mounted and shared.layers.seccomp and shared.layers.landlock_abi > 0
    return is_confined and spec.key.workspaces_dir is None and spec.drive is not None


async def launch(spec: ZygoteSpec, shared: SharedResources, host: HostPaths, *, cold: bool) -> Launched:
    """Start the process and send it the plan.

    Raises:
        ZygoteLost: the program cannot be started.
    """
    paths = paths_inside(host, mounted=shared.is_mounted)
    bwrap, uid, as_root = shared.layers.bubblewrap, _uid_of(spec), os.geteuid() == 0

    def command(program: list[str]) -> mounts.Command:
        if bwrap is None:
            return mounts.Command(program, [])
        return mounts.command(bwrap, host, uid=uid, as_root=as_root, program=program)

    launched = start(command, folder=paths.kit, mounted=shared.is_mounted)
    await _send_plan(launched, spec, shared, paths, cold=cold)
    return launched


async def launch_prepared(
    spec: ZygoteSpec, shared: SharedResources, host: HostPaths, *, cold: bool
) -> Assigned | None:
    """Send the plan to a prepared sandbox, and return that; none if there is none for these folders."""
    assigned = await shared.prepared.take(host, _uid_of(spec))
    if assigned is not None:
        await _send_plan(assigned.launched, spec, shared, paths_inside(host, mounted=True), cold=cold)
    return assigned


def _uid_of(spec: ZygoteSpec) -> int:
    """Return the user of the jobs inside of their sandbox."""
    return spec.uid if spec.uid is not None else os.getuid()


async def _send_plan(
    launched: Launched, spec: ZygoteSpec, shared: SharedResources, paths: JobPaths, *, cold: bool
) -> None:
    """Send the plan, including secrets, through a separate socket, and close that."""
    with suppress(OSError), launched.plan_socket as plan_socket:
        plan = json.dumps(_plan(spec, shared, paths, cold=cold)._asdict()).encode()
        await asyncio.get_running_loop().sock_sendall(plan_socket, plan)


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
