"""Runs a skill's function in a confined process of its own, forked from a warm parent that has imported it."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from backend.metrics.instruments import JOB_RUN, SANDBOX_KILLS, SANDBOX_START
from backend.tracing import spans
from workers.runners import Assignment, Failure, Outcome, Recorder, Success
from workers.sandbox import explain
from workers.sandbox import layers as sandbox_layers
from workers.sandbox.control_groups import ControlGroups
from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.egress.visit import Visit
from workers.sandbox.errors import (
    EntrypointRefused,
    EnvironmentFailed,
    ParentLost,
    RequirementsRefused,
    SandboxUnavailable,
)
from workers.sandbox.folders import JobFolders
from workers.sandbox.launch import MEMORY_ROOM_BYTES, Ground
from workers.sandbox.layers import Layers, Mode
from workers.sandbox.own_drive import DRIVE_GONE, OwnDrive
from workers.sandbox.packages.build_box import BuildLimits
from workers.sandbox.packages.builds import Workshop
from workers.sandbox.packages.environments import Environments
from workers.sandbox.places import prepare_links, read_by_every_job, refuse_exposed
from workers.sandbox.pool import Pool
from workers.sandbox.process import Child, Ending, Job, NotStarted, Silent, Stopped
from workers.sandbox.spec import ParentSpec, spec_of
from workers.sandbox.supplies import Supplies, SupplyBounds
from workers.sandbox.verdicts import Meter, outcome_of
from workers.sandbox.warm import WarmParent
from workers.sandbox.watchdog import Excess, Watchdog, Watched

_TRIES: Final = 3  # to find a process that lives long enough to be given the job
_PAUSE_S: Final = 0.05
_TAKE_S: Final = 60.0
_MENDS: Final[dict[Excess, str]] = {
    "memory_limit": "work in smaller pieces, or raise `limits.memory_mb` in skill.yaml",
    "disk_limit": "write less at a time, and remove what is not needed any more",
    "process_limit": "start fewer processes at once",
}

_NO_NAMESPACE: Final = (
    "The skill asks for a network, and this machine has no network namespaces, so that it runs without any: the "
    "operator finds out why with `puras-studio doctor`."
)


class DeterministicRunner:
    """The runner of skills whose entrypoint is a Python function; one process per job, always."""

    def __init__(
        self,
        home: Path,
        *,
        sandbox: Mode,
        api_base: str,
        idle_s: float,
        pool_mb: int,
        layers: Layers | None = None,
        build_limits: BuildLimits | None = None,
        supply_bounds: SupplyBounds | None = None,
        control_groups: ControlGroups | None = None,
    ) -> None:
        """Prepare folders under the home; the layers are those of this machine unless given.

        Raises:
            SandboxMisplaced: the home lies inside a folder that every job may read.
        """
        home = home.resolve()
        self.mode: Mode = sandbox
        """May become `strict`, or cease to be, while jobs run: the next ones are held to it."""
        self._layers = layers or sandbox_layers.probe(sandbox)
        if self._layers.confines:
            refuse_exposed(home / "jobs", read_by_every_job())
        prepare_links(home / "sandbox")
        self._folders = JobFolders(home / "jobs")
        self._watchdog = Watchdog()
        self._groups = control_groups
        self.proxy = Proxy()
        ground = Ground(self._layers, self._folders, home / "sandbox", api_base, self._watchdog, self.proxy)
        self._pool = Pool(ground, idle_s=idle_s, max_mb=pool_mb)
        shop = Workshop(
            self._layers,
            self._folders,
            self._watchdog,
            wheels=home / "wheels",
            cache=home / "cache" / "uv",
            limits=build_limits or BuildLimits(),
        )
        self._environments = Environments(home / "environments", shop)
        self.supplies = Supplies(home, self._environments, supply_bounds or SupplyBounds(), idle_s=idle_s)

    @property
    def layers(self) -> list[str]:
        """The layers of the sandbox on this machine, in words."""
        return [*self._layers.names, *(["control groups"] if self._groups else [])]

    @property
    def is_closed(self) -> bool:
        """Whether its sandbox is all that `strict` asks for."""
        return self._layers.closed

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome:
        """Run one attempt to its end. Never raises for what the skill does; cancelling the task ends the job."""
        meter = Meter(time.monotonic())
        try:
            sandbox_layers.demand(self._layers, self.mode)
            async with self.supplies.of(assignment, recorder) as environment:
                return await self._run_somewhere(
                    meter, assignment, spec_of(assignment, environment), recorder
                )
        except EntrypointRefused as refusal:
            _record_refusal(refusal, recorder)
            return Failure(refusal.code, refusal.detail, meter.read())
        except (SandboxUnavailable, EnvironmentFailed, RequirementsRefused, ParentLost) as error:
            return Failure(error.code, error.detail, meter.read())

    def measure(self) -> None:
        """Set the gauges of the processes that this runner keeps."""
        self._pool.measure()

    async def prewarm(self, assignment: Assignment, recorder: Recorder) -> None:
        """Have the warm parent of such assignments ready before the first comes.

        Raises:
            PurasError: it cannot be had; the next run says so too.
        """
        async with (
            self.supplies.of(assignment, recorder) as environment,
            self._pool.parent(spec_of(assignment, environment)),
        ):
            return

    async def close(self) -> None:
        """End every process that the runner still has."""
        await self._environments.close()
        await self._pool.close()
        await self.supplies.close()
        await self.proxy.close()
        await self._watchdog.close()
        if self._groups is not None:
            await asyncio.to_thread(self._groups.close)
        await asyncio.to_thread(self._folders.close)

    async def _run_somewhere(
        self, meter: Meter, assignment: Assignment, spec: ParentSpec, recorder: Recorder
    ) -> Outcome:
        """Give the job to a process; one that dies before it has the job does not count."""
        why = ""
        wanted_at = time.monotonic()
        for number in range(_TRIES):
            await asyncio.sleep(number * _PAUSE_S)  # a parent that was killed is gone a moment later
            try:
                async with AsyncExitStack() as kept:
                    with spans.span("sandbox start"):
                        parent = await kept.enter_async_context(self._pool.parent(spec))
                        child = await parent.take(min(_TAKE_S, assignment.limits.timeout_s))
                    SANDBOX_START.observe(time.monotonic() - wanted_at)
                    return await self._run_in(parent, child, assignment, meter=meter, recorder=recorder)
            except ParentLost as lost:
                why = f" {lost.detail}"
            except NotStarted:
                if not assignment.drive_dir.is_dir():
                    raise SandboxUnavailable(DRIVE_GONE) from None
        raise ParentLost(explain.never_began(_TRIES, self._layers.unreadable_library) + why)

    async def _run_in(
        self, parent: WarmParent, child: Child, assignment: Assignment, *, meter: Meter, recorder: Recorder
    ) -> Outcome:
        visit, group = Visit(recorder), None
        drive = OwnDrive(assignment, parent.folder, str(child.number))
        meter.began = time.monotonic()
        try:
            drive.put_in()
            self._announce(parent, assignment, recorder)
            parent.doors.admit(child, assignment.token, visit)
            parent.output.attach(recorder)
            parent.output.finish()
            child.output.attach(recorder)
            meter.watched = self._watch(child, parent, assignment)
            group = self._groups.hold(child.pid, assignment.limits) if self._groups else None
            with spans.span("run"):
                ending = await _until_end(child, assignment)
            if group is not None and isinstance(ending, Silent) and group.ran_out_of_memory:
                ending = _out_of_memory(assignment)
        finally:
            if self._groups is not None and group is not None:
                self._groups.remove_soon(group)
            if meter.watched is not None:
                self._watchdog.forget(meter.watched)
            parent.doors.dismiss(child, assignment.token)
            child.kill()
            drive.take_out()
            parent.release(child)
        JOB_RUN.labels("deterministic").observe(time.monotonic() - meter.began)
        if isinstance(ending, Stopped):
            SANDBOX_KILLS.labels(ending.code).inc()
        outcome = outcome_of(ending, meter, recorder, parent_is_lost=parent.is_lost)
        if isinstance(outcome, Success) and not drive.is_whole:
            outcome = Failure("crashed", DRIVE_GONE, outcome.measured)
        await parent.doors.tell_traffic(child, visit)
        return outcome

    def _announce(self, parent: WarmParent, assignment: Assignment, recorder: Recorder) -> None:
        entry = assignment.entrypoint
        network = self._layers.network(assignment.network)
        sandbox: dict[str, Any] = {
            "layers": self.layers,
            "warm": parent.cold_reason is None,
            "network": network,
        }
        reason = parent.cold_reason or self._layers.reason
        if reason:
            sandbox["reason"] = reason
        if self._layers.problems:
            sandbox["missing"] = list(self._layers.problems)
        recorder.record("sandbox", sandbox)
        if network == "none" and assignment.network not in ("none", []):
            recorder.record("log", {"stream": "system", "level": "warning", "text": _NO_NAMESPACE})
        start = {"name": assignment.skill_name, "module": entry.file, "func": entry.function}
        recorder.record("function_start", start)

    def _watch(self, child: Child, parent: WarmParent, assignment: Assignment) -> Watched | None:
        if child.pid is None:
            return None
        limits = assignment.limits

        def stop(kind: Excess, what: str) -> None:
            child.stop(kind, f"The job {what}: {_MENDS[kind]}.")

        watched = Watched(
            group=child.pid,
            memory_bytes=limits.memory_mb << 20,
            disk_bytes=limits.disk_mb << 20,
            processes=limits.processes,
            folder=parent.folder / str(child.number),
            drive=None if assignment.has_own_drive else assignment.drive_dir,
            on_excess=stop,
        )
        self._watchdog.watch(watched)
        return watched


async def _until_end(child: Child, assignment: Assignment) -> Ending:
    limits = assignment.limits
    job = Job(
        inputs=assignment.inputs,
        environment={
            "PURAS_JOB_ID": str(assignment.job_id),
            "PURAS_SERVICE_TOKEN": assignment.token,
            **_trace_of_job(),
        },
        limits={"DATA": (limits.memory_mb << 20) + MEMORY_ROOM_BYTES, "FSIZE": limits.disk_mb << 20},
        max_output_bytes=limits.output_mb << 20,
    )
    try:
        async with asyncio.timeout(limits.timeout_s):
            return await child.run(job)
    except TimeoutError:
        message = (
            f"The function ran longer than its limit of {limits.timeout_s:g} s: make it faster, give it less, or "
            "raise `timeout_s` in skill.yaml."
        )
        return Stopped("timeout", message)


def _trace_of_job() -> dict[str, str]:
    """What a job is told of its trace, by the names that OpenTelemetry gives it: its code may join in."""
    line = spans.traceparent()
    return {"TRACEPARENT": line} if line else {}


def _out_of_memory(assignment: Assignment) -> Stopped:
    """The kernel ended the job, since its group was full."""
    what = f"used more memory than its limit of {assignment.limits.memory_mb} MiB"
    return Stopped("memory_limit", f"The job {what}: {_MENDS['memory_limit']}.")


def _record_refusal(refusal: EntrypointRefused, recorder: Recorder) -> None:
    """Show what the import printed and where it failed."""
    if refusal.output is not None:
        refusal.output.attach(recorder)
        refusal.output.finish()
    if refusal.trace:
        recorder.record("log", {"stream": "stderr", "text": refusal.trace})
