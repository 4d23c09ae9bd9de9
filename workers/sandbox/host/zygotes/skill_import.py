"""Apply the limits of a job to the import of a skill, and interpret the report of the zygote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from workers.sandbox.isolation.process_ids import Process
from workers.sandbox.isolation.watchdog import Watched

from .errors import EntrypointRefused, NotForkable, ZygoteLost
from .launch import SharedResources
from .output import Output, storable
from .process import Child
from .spec import ZygoteSpec

_FOLDER_SHARE: Final = 16  # of the disk limit of one job, for the folder of all
_MAX_TEXT: Final = 16_000  # of the report on a failed import


def check_variables(variables: Mapping[str, str]) -> None:
    """Reject secrets that cannot be environment variables; the API also rejects them when they are set.

    Raises:
        EntrypointRefused: for the first such secret; the message does not contain its value.
    """
    for name, value in variables.items():
        if not name or "=" in name or not _is_text(name):
            raise EntrypointRefused(
                f"The secret {name[:40]!a} has a name that is not valid for environment variables. Delete "
                "it, and set it again with a name of capital letters, digits and '_'."
            )
        if not _is_text(value):
            raise EntrypointRefused(
                f"The value of the secret {name[:40]!a} contains a NUL character or is not valid Unicode "
                "text. Set it again, base64-encoded if it is binary."
            )


def _is_text(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


def watch(
    shared: SharedResources, spec: ZygoteSpec, leader: Process, *, folder: Path, stop: Callable[[str], None]
) -> Watched:
    """Apply the limits of a job to the import in a process group; the caller ends the watch."""
    watched = Watched(
        leader=leader,
        memory_bytes=spec.key.memory_mb << 20,
        disk_bytes=(spec.disk_mb << 20) * _FOLDER_SHARE,
        processes=spec.processes,
        folder=folder,
        drive=spec.drive,
        on_excess=lambda _, what: stop(what),
    )
    shared.watchdog.watch(watched)
    return watched


def watch_cold(
    shared: SharedResources, spec: ZygoteSpec, child: Child, *, folder: Path, is_spare: Callable[[], bool]
) -> None:
    """Apply the limits to a child that imports the skill itself, until it is ready."""

    def on_started(process: Process) -> None:
        def stop(what: str) -> None:
            child.stop("bad_entrypoint", f"Importing the skill {what}.")

        watched = watch(shared, spec, process, folder=folder, stop=stop)
        child.ready.add_done_callback(lambda _: on_ready(watched))

    def on_ready(watched: Watched) -> None:
        shared.watchdog.forget(watched)
        if is_spare():
            child.freeze()  # threads of its import must not run while there is no job

    child.on_started = on_started


def check_report(report: dict[str, Any], output: Output, *, why_stopped: str) -> None:
    """Return if the zygote is ready.

    Raises:
        EntrypointRefused: the import failed, or had to be stopped.
        NotForkable: the zygote must be started again, importing in each child.
        ZygoteLost: it ended.
    """
    kind = report.get("type")
    if kind == "ready":
        return
    if kind == "refused":
        message, trace = (str(report.get(name, ""))[:_MAX_TEXT] for name in ("message", "trace"))
        raise EntrypointRefused(storable(message), storable(trace), output)
    if kind == "not_forkable":
        raise NotForkable(report)
    if why_stopped:
        raise EntrypointRefused(f"The sandbox was ended: {why_stopped}.", output=output)
    raise ZygoteLost("The skill's sandbox ended while it started.")
