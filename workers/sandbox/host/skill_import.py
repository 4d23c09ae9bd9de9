"""The import of a skill: held to the limits of a job, and what is made of what the parent says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from workers.sandbox.isolation.process_ids import Process
from workers.sandbox.isolation.watchdog import Watched

from .errors import EntrypointRefused, NotForkable, ParentLost
from .launch import Ground
from .output import Output, storable
from .process import Child
from .spec import ParentSpec

_FOLDER_SHARE: Final = 16  # of the disk limit of one job, for the folder of all
_MAX_TEXT: Final = 16_000  # of what the parent says of a failed import


def check_variables(variables: Mapping[str, str]) -> None:
    """Refuse secrets that no environment can hold, which are rejected when they are set: a process would end on them.

    Raises:
        EntrypointRefused: with the name of the first one, and without its value.
    """
    for name, value in variables.items():
        if not name or "=" in name or not _is_text(name):
            raise EntrypointRefused(
                f"The secret {name[:40]!a} has a name that no environment variable can have: delete it, and set it "
                "again with a name of capital letters, digits and '_'."
            )
        if not _is_text(value):
            raise EntrypointRefused(
                f"The value of the secret {name[:40]!a} holds a NUL character or is not valid Unicode text: set it "
                "again, base64-encoded if it is binary."
            )


def _is_text(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def watch(
    ground: Ground, spec: ParentSpec, leader: Process, *, folder: Path, stop: Callable[[str], None]
) -> Watched:
    """Hold the import in a process group to the limits of a job; whoever calls has it forgotten in the end."""
    watched = Watched(
        leader=leader,
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

    def seated(process: Process) -> None:
        def stop(what: str) -> None:
            child.stop("bad_entrypoint", f"Importing the skill {what}.")

        watched = watch(ground, spec, process, folder=folder, stop=stop)
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
        message, trace = (str(told.get(name, ""))[:_MAX_TEXT] for name in ("message", "trace"))
        raise EntrypointRefused(storable(message), storable(trace), output)
    if kind == "not_forkable":
        raise NotForkable(told)
    if why_stopped:
        raise EntrypointRefused(f"The sandbox was ended: {why_stopped}.", output=output)
    raise ParentLost("The skill's sandbox ended while it started.")
