"""Define the commands of agents and the plans that their sandboxes receive."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workers.sandbox.guest import shell, wire
from workers.sandbox.guest.filters import AF_INET, AF_INET6, AF_UNIX
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.zygotes.launch import MEMORY_ROOM_BYTES, NO_CORE_BYTES, USER_PROCESSES, VARIABLES
from workers.sandbox.host.zygotes.spec import ZygoteSpec
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.paths import INSIDE_KERNEL, JobPaths
from workers.types import RunLimits

MAX_COMMAND_BYTES: Final = 100_000  # the kernel accepts 128 KiB for one argument


OutputCallback = Callable[[str, bytes], Coroutine[Any, Any, None]]
"""Receives what a command prints, by stream; reading waits for it."""


@dataclass(frozen=True, slots=True)
class CommandRequest:
    """A command to run in the workspace of an agent."""

    command: str
    spec: ZygoteSpec
    """The spec of the skill: its bundle, drive, user and network."""
    workspaces_dir: Path
    name: str
    """Name of the work folder in `workspaces_dir`."""
    descriptor: int
    """Descriptor of the work folder."""
    limits: RunLimits
    timeout_s: float
    on_output: OutputCallback
    channel: int | None = None
    """A descriptor that the command inherits, under the same number."""
    packages: Sequence[Path] = ()
    """Packages that it sees below `/kernel`, in addition to the skill's own."""
    hidden: Collection[str] = ()
    """Files of the bundle that it must not read."""


def plan_of(runtime: SandboxRuntime, request: CommandRequest, paths: JobPaths) -> shell.Plan:
    """Return the command, its variables, and how far it is confined."""
    shared, spec = runtime.shared, request.spec
    folder = f"{paths.jobs}/{request.name}"
    limits = {
        "DATA": (request.limits.memory_mb << 20) + MEMORY_ROOM_BYTES,
        "FSIZE": request.limits.disk_mb << 20,
        "CORE": NO_CORE_BYTES,
    }
    if shared.is_mounted or spec.uid is not None:
        limits["NPROC"] = USER_PROCESSES
    opened = mounts.ReadableTree(paths.readable, [])
    if request.hidden and not shared.is_mounted:  # mounts cover single files, Landlock grants the others
        other_paths = [path for path in paths.readable if path != paths.deployment]
        visible = mounts.readable_without(spec.bundle, request.hidden)
        opened = mounts.ReadableTree([*other_paths, *visible.readable], visible.listable)
    return shell.Plan(
        command=request.command,
        folder=folder,
        environment=_environment(spec, paths, folder),
        uid=spec.uid if os.geteuid() == 0 and runtime.layers.confines else None,
        limits=limits,
        readable=[*opened.readable, *([INSIDE_KERNEL] if request.packages else [])],
        listable=opened.listable,
        writable=[*paths.writable, folder],
        landlock=runtime.layers.landlock_abi > 0,
        seccomp=runtime.layers.seccomp,
        families=[AF_UNIX, AF_INET, AF_INET6] if shared.is_mounted else [],
        namespaced=shared.is_mounted,
        egress=shared.opens_to_internet(spec.key.network),
    )


def _environment(spec: ZygoteSpec, paths: JobPaths, folder: str) -> dict[str, str]:
    """Return the environment variables of a command: paths, and no credentials."""
    skill = f"{paths.deployment}/{spec.entrypoint.skill_dir}".rstrip("/")
    return {
        **VARIABLES,
        "PATH": paths.program_path(VARIABLES["PATH"]),
        "HOME": folder,
        "PWD": folder,
        "TMPDIR": f"{folder}/{wire.TEMPORARY}",
        "PYTHONPATH": os.pathsep.join([paths.kit, skill, paths.deployment]),
        "PURAS_DEPLOYMENT_ROOT": paths.deployment,
    }
