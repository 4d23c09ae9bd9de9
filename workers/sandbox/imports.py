"""The import of a skill: held to the limits of a job, and what is made of what the parent says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from .errors import EntrypointRefused, NotForkable, ParentLost
from .launch import Ground
from .output import Output
from .process import Child
from .spec import ParentSpec
from .watchdog import Watched

_FOLDER_SHARE: Final = 16  # of the disk limit of one job, for the folder of all


def watch(
    ground: Ground, spec: ParentSpec, group: int, *, folder: Path, stop: Callable[[str], None]
) -> Watched:
    """Hold the import in a process group to the limits of a job; whoever calls has it forgotten in the end."""
    watched = Watched(
        group=group,
        memory_bytes=spec.key.memory_mb << 20,
        disk_bytes=(spec.disk_mb << 20) * _FOLDER_SHARE,
        processes=spec.processes,
        folder=folder,
        drive=spec.drive,
        on_excess=lambda _, what: stop(what),
    )
    ground.watchdog.watch(watched)
    return watched


def watch_cold(
    ground: Ground, spec: ParentSpec, child: Child, *, folder: Path, is_spare: Callable[[], bool]
) -> None:
    """Hold a child that imports by itself to the limits until it is ready."""

    def seated(pid: int) -> None:
        def stop(what: str) -> None:
            child.stop("bad_entrypoint", f"Importing the skill {what}.")

        watched = watch(ground, spec, pid, folder=folder, stop=stop)
        child.ready.add_done_callback(lambda _: settled(watched))

    def settled(watched: Watched) -> None:
        ground.watchdog.forget(watched)
        if is_spare():
            child.freeze()  # threads of its import must not run on when there is no job

    child.on_seated = seated


def judge(told: dict[str, Any], output: Output, *, why_stopped: str) -> None:
    """Return if the parent is ready.

    Raises:
        EntrypointRefused: the import failed, or had to be stopped.
        NotForkable: the parent must be started again, importing in each child.
        ParentLost: it ended.
    """
    kind = told.get("type")
    if kind == "ready":
        return
    if kind == "refused":
        raise EntrypointRefused(str(told.get("message")), str(told.get("trace", "")), output)
    if kind == "not_forkable":
        raise NotForkable(told)
    if why_stopped:
        raise EntrypointRefused(f"The sandbox was ended: {why_stopped}.", output=output)
    raise ParentLost("The skill's sandbox ended while it started.")
