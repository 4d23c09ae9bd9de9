"""Run one execution in a sandbox.

An execution is a job or one call of an agent's tool, from the choice of a process to its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from backend.core.metrics.instruments import JOB_RUN, SANDBOX_KILLS, SANDBOX_START
from backend.core.tracing import spans
from backend.execution.events.types import OMITTED, LogEvent, SandboxEvent
from workers import phases
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.guest import wire
from workers.sandbox.host.executions.outcome import Meter, outcome_of
from workers.sandbox.host.executions.staged_drive import DRIVE_GONE, DriveMount
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.zygotes.errors import EntrypointRefused, ZygoteLost
from workers.sandbox.host.zygotes.exit_status import NoResponse, NotStarted, ProcessEnd, Stopped
from workers.sandbox.host.zygotes.launch import MEMORY_ROOM_BYTES
from workers.sandbox.host.zygotes.process import Child, Job
from workers.sandbox.host.zygotes.spec import ZygoteSpec
from workers.sandbox.host.zygotes.zygote import Zygote
from workers.sandbox.isolation import explanations
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.watchdog import Excess, Watched
from workers.types import Assignment, Failure, Outcome, Recorder, RunLimits, Success

_NO_NAMESPACE: Final = (
    "The skill requests network access, but this host has no network namespaces, so it runs without "
    "network. `puras-studio doctor` shows the operator the reason."
)


def announce_sandbox(
    runtime: SandboxRuntime, assignment: Assignment, recorder: Recorder, *, cold_reason: str | None
) -> None:
    """Record the layers that confine a job, and what it lacks."""
    network = runtime.layers.network(assignment.network)
    sandbox = SandboxEvent(
        layers=runtime.names,
        warm=cold_reason is None,
        network=network,
        reason=cold_reason or runtime.layers.reason or OMITTED,
        missing=list(runtime.layers.problems) or OMITTED,
    )
    recorder.record(sandbox)
    if network == "none" and assignment.network not in ("none", []):
        recorder.record(LogEvent(stream="system", level="warning", text=_NO_NAMESPACE))


def record_refusal(refusal: EntrypointRefused, recorder: Recorder) -> None:
    """Record what the import printed and where it failed."""
    if refusal.output is not None:
        refusal.output.attach(recorder)
        refusal.output.finish()
    if refusal.trace:
        recorder.record(LogEvent(stream="stderr", text=refusal.trace))


REMEDIES: Final[dict[Excess, str]] = {
    "memory_limit": "process smaller pieces, or raise `limits.memory_mb` in skill.yaml",
    "disk_limit": "write less at a time, and remove files that are not needed any more",
    "process_limit": "start fewer concurrent processes",
}
_MAX_ATTEMPTS: Final = 3  # to find a process that receives the job before it ends
_PAUSE_S: Final = 0.05
_TAKE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution and its limits."""

    assignment: Assignment
    job: Job
    timeout_s: float
    timeout_message: str
    """The error message after a timeout."""
    kind: str = "deterministic"
    """The name of its kind in the metrics."""
    work: str | None = None
    """The name of the work folder that it shares; none: it has its own, which contains its staged drive."""
    announce: Callable[[Zygote], None] = lambda _: None
    """Called when it has a process, before that starts."""


def job_of(assignment: Assignment, inputs: dict[str, Any], **variables: str) -> Job:
    """Return the job that a process receives for the assignment."""
    limits = assignment.limits
    if assignment.requests is not None:
        variables["PURAS_STEPS_FD"] = str(wire.PRIVATE_FD)
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


async def execute(
    runtime: SandboxRuntime, spec: ZygoteSpec, execution: Execution, *, meter: Meter, recorder: Recorder
) -> Outcome:
    """Run an execution in a process to its end; a process that ends before it has the job is replaced.

    Raises:
        EntrypointRefused: the file cannot be imported.
        ZygoteLost: no process received the job before it ended.
        SandboxUnavailable: its drive was lost.
    """
    why = ""
    requested_at = time.monotonic()
    for number in range(_MAX_ATTEMPTS):
        if number:
            await asyncio.sleep(number * _PAUSE_S)  # a killed zygote needs a moment to end
        zygote = None
        try:
            with spans.span("sandbox start"):
                zygote = await runtime.pool.hold(spec)
                child = await zygote.take(min(_TAKE_S, execution.timeout_s), execution.work)
            started_in_s = time.monotonic() - requested_at
            SANDBOX_START.observe(started_in_s)
            phases.add("sandbox", started_in_s)
            return await _execute_in(runtime, zygote, child, execution, meter=meter, recorder=recorder)
        except ZygoteLost as error:
            why = f" {error.detail}"
        except NotStarted:
            if not execution.assignment.drive_dir.is_dir() and execution.work is None:
                raise SandboxUnavailable(DRIVE_GONE) from None
        finally:
            if zygote is not None:
                runtime.pool.release(zygote)
    raise ZygoteLost(explanations.never_started(_MAX_ATTEMPTS, runtime.layers.unreadable_library) + why)


async def _execute_in(
    runtime: SandboxRuntime,
    zygote: Zygote,
    child: Child,
    execution: Execution,
    *,
    meter: Meter,
    recorder: Recorder,
) -> Outcome:
    network_use, group, limits = NetworkUse(recorder), None, execution.assignment.limits
    token = execution.assignment.token
    drive = DriveMount(execution.assignment, zygote.folder, child.slot) if execution.work is None else None
    meter.began, meter.forked = time.monotonic(), child.created_at
    try:
        if drive is not None:
            drive.attach()
        execution.announce(zygote)
        zygote.gateways.admit(child, token, network_use)
        zygote.output.attach(recorder)
        zygote.output.finish()
        child.output.attach(recorder)
        meter.watched = _watch(runtime, child, zygote, execution)
        group = runtime.groups.hold(child.process, limits) if runtime.groups else None
        with spans.span("run"):
            process_end = await _until_end(child, execution)
        if group is not None and isinstance(process_end, NoResponse) and group.ran_out_of_memory:
            process_end = out_of_memory(limits)
    finally:
        if runtime.groups is not None and group is not None:
            runtime.groups.remove_soon(group)
        if meter.watched is not None:
            runtime.watchdog.forget(meter.watched)
        zygote.gateways.dismiss(child, token)
        child.kill()
        if drive is not None:
            drive.detach()
        zygote.release(child)
    JOB_RUN.labels(execution.kind).observe(time.monotonic() - meter.began)
    if isinstance(process_end, Stopped):
        SANDBOX_KILLS.labels(process_end.code).inc()
    outcome = outcome_of(process_end, meter, recorder, zygote_is_lost=zygote.is_lost)
    if isinstance(outcome, Success) and drive is not None and not drive.is_whole:
        outcome = Failure("crashed", DRIVE_GONE, outcome.measured)
    await zygote.gateways.record_traffic(child, network_use)
    return outcome


def out_of_memory(limits: RunLimits) -> Stopped:
    """Return the end of a job that the kernel ended, since its control group was full."""
    what = f"used more memory than its limit of {limits.memory_mb} MiB"
    return Stopped("memory_limit", f"The job {what}: {REMEDIES['memory_limit']}.")


def _watch(runtime: SandboxRuntime, child: Child, zygote: Zygote, execution: Execution) -> Watched | None:
    if child.process is None:
        return None
    limits = execution.assignment.limits

    def stop(kind: Excess, what: str) -> None:
        child.stop(kind, f"The job {what}: {REMEDIES[kind]}.")

    watched = Watched(
        leader=child.process,
        memory_bytes=limits.memory_mb << 20,
        disk_bytes=limits.disk_mb << 20,
        processes=limits.processes,
        folder=zygote.folder / child.slot,
        drive=None if execution.assignment.has_staged_drive else execution.assignment.drive_dir,
        on_excess=stop,
    )
    runtime.watchdog.watch(watched)
    return watched


async def _until_end(child: Child, execution: Execution) -> ProcessEnd:
    handler = execution.assignment.requests
    if handler is not None:
        child.on_request = lambda line: handler.receive(line, child)
    try:
        async with asyncio.timeout(execution.timeout_s):
            return await child.run(_traced(execution.job))
    except TimeoutError:
        return Stopped("timeout", execution.timeout_message)


def _traced(job: Job) -> Job:
    """Return the job with the traceparent in its variables, so that its code can join the span it runs in."""
    line = spans.traceparent()
    return replace(job, environment={**job.environment, "TRACEPARENT": line}) if line else job
