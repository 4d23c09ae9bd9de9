"""Runs a skill's function in a confined process of its own, forked from a warm parent that has imported it."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workers.runners import Assignment, Failure, Measured, Outcome, Recorder, Success
from workers.sandbox import layers as sandbox_layers
from workers.sandbox.environments import Environments
from workers.sandbox.errors import (
    EntrypointRefused,
    EnvironmentFailed,
    ParentLost,
    RequirementsRefused,
    SandboxUnavailable,
)
from workers.sandbox.folders import JobFolders
from workers.sandbox.layers import Layers, Mode
from workers.sandbox.places import prepare_links, read_by_every_job, refuse_exposed
from workers.sandbox.pool import Pool
from workers.sandbox.process import Answer, Child, Ending, Job, NotStarted, Silent, Stopped
from workers.sandbox.spec import ParentSpec, spec_of
from workers.sandbox.warm import Ground, WarmParent
from workers.sandbox.watchdog import Excess, Watchdog, Watched

_TRIES: Final = 3  # to find a process that lives long enough to be given the job
_PAUSE_S: Final = 0.05
_TAKE_S: Final = 60.0
_MEMORY_ROOM_BYTES: Final = 256 << 20  # address space that is asked for and not used: stacks of threads
_USER_PROCESSES: Final = 512  # of all jobs of one project together; the watchdog counts each job's own
_MENDS: Final[dict[Excess, str]] = {
    "memory_limit": "work in smaller pieces, or raise `limits.memory_mb` in skill.yaml",
    "disk_limit": "write less at a time, and remove what is not needed any more",
    "process_limit": "start fewer processes at once",
}


@dataclass(slots=True)
class _Run:
    """What is known of one run so far."""

    began: float
    network: str | list[str]
    is_warm: bool = False
    reason: str | None = None
    watched: Watched | None = None

    def measured(self, body: dict[str, Any] | None = None) -> Measured:
        """What it used: the process's own numbers where they are larger than what was seen from outside."""
        cpu_s = self.watched.cpu_s if self.watched else 0.0
        peak_bytes = self.watched.peak_memory_bytes if self.watched else 0
        if body is not None:
            cpu_s = max(cpu_s, _number(body.get("cpu_s")))
            peak_bytes = max(peak_bytes, int(_number(body.get("peak_kb"))) << 10)
        return Measured(time.monotonic() - self.began, round(cpu_s, 6), round(peak_bytes / (1 << 20), 1))


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
    ) -> None:
        """Prepare folders under the home; the layers are those of this machine unless given.

        Raises:
            SandboxMisplaced: the home lies inside a folder that every job may read.
        """
        home = home.resolve()
        self._mode = sandbox
        self._layers = layers or sandbox_layers.probe(sandbox)
        if self._layers.confines:
            refuse_exposed(home / "jobs", read_by_every_job())
        prepare_links(home / "sandbox")
        self._folders = JobFolders(home / "jobs")
        ground = Ground(self._layers, self._folders, home / "sandbox", api_base)
        self._pool = Pool(ground, idle_s=idle_s, max_mb=pool_mb)
        self._environments = Environments(home / "environments", cache=home / "cache" / "uv")
        self._watchdog = Watchdog()

    @property
    def layers(self) -> list[str]:
        """The layers of the sandbox on this machine, in words."""
        return self._layers.names

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome:
        """Run one attempt to its end. Never raises for what the skill does; cancelling the task ends the job."""
        run = _Run(time.monotonic(), assignment.network)
        try:
            sandbox_layers.demand(self._layers, self._mode)
            environment = await self._environments.ready(assignment.requirements, recorder)
            return await self._run_somewhere(run, assignment, spec_of(assignment, environment), recorder)
        except EntrypointRefused as refusal:
            if refusal.trace:
                recorder.record("log", {"stream": "stderr", "text": refusal.trace})
            return Failure(refusal.code, refusal.detail, run.measured())
        except (SandboxUnavailable, EnvironmentFailed, RequirementsRefused, ParentLost) as error:
            return Failure(error.code, error.detail, run.measured())

    async def prewarm(self, assignment: Assignment, recorder: Recorder) -> None:
        """Have the warm parent of such assignments ready before the first comes.

        Raises:
            PurasError: it cannot be had; the next run says so too.
        """
        environment = await self._environments.ready(assignment.requirements, recorder)
        async with self._pool.parent(spec_of(assignment, environment)):
            return

    async def close(self) -> None:
        """End every process that the runner still has."""
        await self._environments.close()
        await self._pool.close()
        await self._watchdog.close()
        await asyncio.to_thread(self._folders.close)

    async def _run_somewhere(
        self, run: _Run, assignment: Assignment, spec: ParentSpec, recorder: Recorder
    ) -> Outcome:
        """Give the job to a process; one that dies before it has the job does not count."""
        why = ""
        for number in range(_TRIES):
            await asyncio.sleep(number * _PAUSE_S)  # a parent that was killed is gone a moment later
            try:
                async with self._pool.parent(spec) as parent:
                    return await self._run_in(parent, run, assignment, recorder)
            except ParentLost as lost:
                why = f" {lost.detail}"
            except NotStarted:
                continue
        raise ParentLost(
            f"The sandbox ended {_TRIES} times before the job began: the skill's import may end its process, or the "
            f"machine may be out of memory or processes.{why}"
        )

    async def _run_in(
        self, parent: WarmParent, run: _Run, assignment: Assignment, recorder: Recorder
    ) -> Outcome:
        child = await parent.take(min(_TAKE_S, assignment.limits.timeout_s))
        run.is_warm, run.reason = parent.cold_reason is None, parent.cold_reason
        parent.admit(assignment.token)
        run.began = time.monotonic()
        try:
            self._announce(run, assignment, recorder)
            parent.output.attach(recorder)
            parent.output.finish()
            child.output.attach(recorder)
            run.watched = self._watch(child, parent, assignment)
            ending = await self._until_end(child, assignment)
        finally:
            if run.watched is not None:
                self._watchdog.forget(run.watched)
            parent.dismiss(assignment.token)
            parent.release(child)
        return self._outcome(run, ending, parent, recorder)

    def _announce(self, run: _Run, assignment: Assignment, recorder: Recorder) -> None:
        entry = assignment.entrypoint
        network = "none" if self._layers.confines else "unconfined"
        sandbox: dict[str, Any] = {"layers": self._layers.names, "warm": run.is_warm, "network": network}
        reason = run.reason or self._layers.reason
        if reason:
            sandbox["reason"] = reason
        recorder.record("sandbox", sandbox)
        if run.network != "none" and self._layers.confines:
            text = f"The skill asks for the network {run.network!r}; jobs have none yet but the platform's routes."
            recorder.record("log", {"stream": "system", "level": "warning", "text": text})
        recorder.record(
            "function_start", {"name": assignment.skill_name, "module": entry.file, "func": entry.function}
        )

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
            drive=assignment.drive_dir,
            on_excess=stop,
        )
        self._watchdog.watch(watched)
        return watched

    async def _until_end(self, child: Child, assignment: Assignment) -> Ending:
        limits = assignment.limits
        job = Job(
            inputs=assignment.inputs,
            environment={"PURAS_JOB_ID": str(assignment.job_id), "PURAS_SERVICE_TOKEN": assignment.token},
            limits={
                "DATA": (limits.memory_mb << 20) + _MEMORY_ROOM_BYTES,
                "FSIZE": limits.disk_mb << 20,
                "NPROC": _USER_PROCESSES,
            },
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

    def _outcome(self, run: _Run, ending: Ending, parent: WarmParent, recorder: Recorder) -> Outcome:
        if isinstance(ending, Stopped):
            return Failure(ending.code, ending.message, run.measured())
        if isinstance(ending, Silent):
            code, message = _how_it_died(ending, parent)
            return Failure(code, message, run.measured())
        return _answered(run, ending, recorder)


def _answered(run: _Run, answer: Answer, recorder: Recorder) -> Outcome:
    body = answer.body
    measured = run.measured(body)
    if body.get("type") == "value" and "value" in body:
        return Success(body["value"], measured)
    code, message, trace = body.get("code"), body.get("message"), body.get("trace")
    if code not in _CODES_OF_CHILDREN or not isinstance(message, str):
        return Failure(
            "crashed", "The process of the job answered with what the runner does not know.", measured
        )
    if isinstance(trace, str) and trace:
        recorder.record("log", {"stream": "stderr", "text": trace})
    return Failure(code, message, measured)


_CODES_OF_CHILDREN: Final = frozenset(
    {
        "exception",
        "memory_limit",
        "disk_limit",
        "process_limit",
        "output_limit",
        "exited",
        "bad_result",
        "bad_entrypoint",
    }
)


def _how_it_died(ending: Silent, parent: WarmParent) -> tuple[str, str]:
    end = ending.exit
    if end is None or (parent.is_lost and end.signal is not None):
        return (
            "crashed",
            "The job's sandbox ended under it: another job of the skill, or its import, may have ended it.",
        )
    if end.signal is None:
        return "exited", (
            f"The function ended its process with exit code {end.code} instead of returning a value: return the "
            "result, or raise an exception that says what is wrong."
        )
    name = _signal_name(end.signal)
    hint = "; the machine may have been out of memory" if name == "SIGKILL" else ""
    return "crashed", (
        f"The job's process was ended by {name}{hint}: run it with smaller inputs, or look for the native code that "
        "crashes."
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
