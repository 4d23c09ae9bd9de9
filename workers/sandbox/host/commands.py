"""A command of an agent, and what its sandbox is told of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workers.sandbox.guest import shell
from workers.sandbox.guest.filters import AF_INET, AF_INET6, AF_UNIX
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation import masks, mounts
from workers.sandbox.isolation.paths import INSIDE_KERNEL, JobPlaces
from workers.types import RunLimits

from .launch import MEMORY_ROOM_BYTES, NO_CORE_BYTES, USER_PROCESSES, VARIABLES
from .spec import ParentSpec

MAX_COMMAND_BYTES: Final = 100_000  # of one argument the kernel takes 128 KiB


Hear = Callable[[str, bytes], Coroutine[Any, Any, None]]
"""Takes what a command prints, by stream; reading waits for it."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command and whom it is for."""

    command: str
    spec: ParentSpec
    """Of the skill: its bundle, drive, user and network."""
    room: Path
    name: str
    """Of the work folder in the room."""
    descriptor: int
    """Of the work folder."""
    limits: RunLimits
    timeout_s: float
    hear: Hear
    channel: int | None = None
    """A descriptor that the command keeps, under the same number."""
    packages: Sequence[Path] = ()
    """What it sees beside the skill's own, below `/kernel`."""
    hidden: Collection[str] = ()
    """Files of the bundle that it must not read."""


def plan_of(house: SandboxRuntime, order: Order, places: JobPlaces) -> shell.Plan:
    """The command, its variables, and how far it is confined."""
    ground, spec = house.ground, order.spec
    folder = f"{places.jobs}/{order.name}"
    limits = {
        "DATA": (order.limits.memory_mb << 20) + MEMORY_ROOM_BYTES,
        "FSIZE": order.limits.disk_mb << 20,
        "CORE": NO_CORE_BYTES,
    }
    if ground.is_mounted or spec.uid is not None:
        limits["NPROC"] = USER_PROCESSES
    opened = masks.Opened(places.readable, [])
    if order.hidden and not ground.is_mounted:  # mounts cover single files, Landlock grants the others
        others = [path for path in places.readable if path != places.deployment]
        around = masks.around(spec.bundle, order.hidden)
        opened = masks.Opened([*others, *around.readable], around.listable)
    return shell.Plan(
        command=order.command,
        folder=folder,
        environment=_environment(spec, places, folder),
        uid=spec.uid if os.geteuid() == 0 and house.layers.confines else None,
        limits=limits,
        readable=[*opened.readable, *([INSIDE_KERNEL] if order.packages else [])],
        listable=opened.listable,
        writable=[*places.writable, folder],
        landlock=house.layers.landlock_abi > 0,
        seccomp=house.layers.seccomp,
        families=[AF_UNIX, AF_INET, AF_INET6] if ground.is_mounted else [],
        namespaced=ground.is_mounted,
        egress=ground.opens_to_internet(spec.key.network),
    )


def _environment(spec: ParentSpec, places: JobPlaces, folder: str) -> dict[str, str]:
    """What commands find in their variables: where things are, and nothing that opens anything."""
    skill = f"{places.deployment}/{spec.entrypoint.skill_dir}".rstrip("/")
    return {
        **VARIABLES,
        "PATH": places.program_path(VARIABLES["PATH"]),
        "HOME": folder,
        "PWD": folder,
        "TMPDIR": f"{folder}/{mounts.TMP}",
        "PYTHONPATH": os.pathsep.join([places.kit, skill, places.deployment]),
        "PURAS_DEPLOYMENT_ROOT": places.deployment,
    }
