"""One stay in a sandbox: a job, or one call of an agent's tool, from finding it a process until that is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from backend.core.metrics.instruments import JOB_RUN, SANDBOX_KILLS, SANDBOX_START
from backend.core.tracing import spans
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.host.exit_status import Ending, NotStarted, Silent, Stopped
from workers.sandbox.host.outcome import Meter, outcome_of
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.staged_drive import DRIVE_GONE, OwnDrive
from workers.sandbox.host.zygote import Zygote
from workers.sandbox.isolation import explanations
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.watchdog import Excess, Watched
from workers.types import Assignment, Failure, Outcome, Recorder, RunLimits, Success

from .errors import ParentLost
from .launch import MEMORY_ROOM_BYTES
from .process import Child, Job
from .spec import ParentSpec

MENDS: Final[dict[Excess, str]] = {
    "memory_limit": "work in smaller pieces, or raise `limits.memory_mb` in skill.yaml",
    "disk_limit": "write less at a time, and remove what is not needed any more",
    "process_limit": "start fewer processes at once",
}
_TRIES: Final = 3  # to find a process that lives long enough to be given the job
_PAUSE_S: Final = 0.05
_TAKE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Execution:
    """Who stays: what it is given, and what it may use."""

    assignment: Assignment
    job: Job
    timeout_s: float
    too_late: str
    """What is said when it took longer."""
    kind: str = "deterministic"
    """The name of its kind in the metrics."""
    work: str | None = None
    """The work folder that it shares, by its name in the parent's room; none: it gets one, and its drive with it."""
    announce: Callable[[Zygote], None] = lambda _: None
    """Called when it has a process, before that begins."""


def job_of(assignment: Assignment, inputs: dict[str, Any], **variables: str) -> Job:
    """What a process is told of the assignment, within its limits."""
    limits = assignment.limits
    return Job(
        inputs=inputs,
        environment={
            "PURAS_JOB_ID": str(assignment.job_id),
            "PURAS_SERVICE_TOKEN": assignment.token,
            **variables,
        },
        limits={"DATA": (limits.memory_mb << 20) + MEMORY_ROOM_BYTES, "FSIZE": limits.disk_mb << 20},
        max_output_bytes=limits.output_mb << 20,
    )


async def stay(
    house: SandboxRuntime, spec: ParentSpec, guest: Execution, *, meter: Meter, recorder: Recorder
) -> Outcome:
    """Give the guest a process and wait for its end; one that dies before it has the job does not count.

    Raises:
        EntrypointRefused: the file cannot be imported.
        ParentLost: no process lived long enough to be given the job.
        SandboxUnavailable: its drive is gone.
    """
    why = ""
    wanted_at = time.monotonic()
    for number in range(_TRIES):
        await asyncio.sleep(number * _PAUSE_S)  # a parent that was killed is gone a moment later
        try:
            async with AsyncExitStack() as kept:
                with spans.span("sandbox start"):
                    parent = await kept.enter_async_context(house.pool.parent(spec))
                    child = await parent.take(min(_TAKE_S, guest.timeout_s), guest.work)
                SANDBOX_START.observe(time.monotonic() - wanted_at)
                return await _stay_in(house, parent, child, guest, meter=meter, recorder=recorder)
        except ParentLost as lost:
            why = f" {lost.detail}"
        except NotStarted:
            if not guest.assignment.drive_dir.is_dir() and guest.work is None:
                raise SandboxUnavailable(DRIVE_GONE) from None
    raise ParentLost(explanations.never_began(_TRIES, house.layers.unreadable_library) + why)


async def _stay_in(
    house: SandboxRuntime, parent: Zygote, child: Child, guest: Execution, *, meter: Meter, recorder: Recorder
) -> Outcome:
    visit, group, limits = NetworkUse(recorder), None, guest.assignment.limits
    token = guest.assignment.token
    drive = OwnDrive(guest.assignment, parent.folder, child.slot) if guest.work is None else None
    meter.began, meter.forked = time.monotonic(), child.made_at
    try:
        if drive is not None:
            drive.put_in()
        guest.announce(parent)
        parent.doors.admit(child, token, visit)
        parent.output.attach(recorder)
        parent.output.finish()
        child.output.attach(recorder)
        meter.watched = _watch(house, child, parent, guest)
        group = house.groups.hold(child.process, limits) if house.groups else None
        with spans.span("run"):
            ending = await _until_end(child, guest)
        if group is not None and isinstance(ending, Silent) and group.ran_out_of_memory:
            ending = out_of_memory(limits)
    finally:
        if house.groups is not None and group is not None:
            house.groups.remove_soon(group)
        if meter.watched is not None:
            house.watchdog.forget(meter.watched)
        parent.doors.dismiss(child, token)
        child.kill()
        if drive is not None:
            drive.take_out()
        parent.release(child)
    JOB_RUN.labels(guest.kind).observe(time.monotonic() - meter.began)
    if isinstance(ending, Stopped):
        SANDBOX_KILLS.labels(ending.code).inc()
    outcome = outcome_of(ending, meter, recorder, parent_is_lost=parent.is_lost)
    if isinstance(outcome, Success) and drive is not None and not drive.is_whole:
        outcome = Failure("crashed", DRIVE_GONE, outcome.measured)
    await parent.doors.tell_traffic(child, visit)
    return outcome


def out_of_memory(limits: RunLimits) -> Stopped:
    """The kernel ended it, since its control group was full."""
    what = f"used more memory than its limit of {limits.memory_mb} MiB"
    return Stopped("memory_limit", f"The job {what}: {MENDS['memory_limit']}.")


def _watch(house: SandboxRuntime, child: Child, parent: Zygote, guest: Execution) -> Watched | None:
    if child.process is None:
        return None
    limits = guest.assignment.limits

    def stop(kind: Excess, what: str) -> None:
        child.stop(kind, f"The job {what}: {MENDS[kind]}.")

    watched = Watched(
        leader=child.process,
        memory_bytes=limits.memory_mb << 20,
        disk_bytes=limits.disk_mb << 20,
        processes=limits.processes,
        folder=parent.folder / child.slot,
        drive=None if guest.assignment.has_own_drive else guest.assignment.drive_dir,
        on_excess=stop,
    )
    house.watchdog.watch(watched)
    return watched


async def _until_end(child: Child, guest: Execution) -> Ending:
    try:
        async with asyncio.timeout(guest.timeout_s):
            return await child.run(_traced(guest.job))
    except TimeoutError:
        return Stopped("timeout", guest.too_late)


def _traced(job: Job) -> Job:
    """The job with what it is told of its trace, by OpenTelemetry's name: its code may join the span it runs in."""
    line = spans.traceparent()
    return replace(job, environment={**job.environment, "TRACEPARENT": line}) if line else job
