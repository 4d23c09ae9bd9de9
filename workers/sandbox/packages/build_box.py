"""One step of a build in a sandbox of its own: one folder to write to, no network, the limits of a build."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from .. import mounts
from ..inside import build
from ..layers import Layers
from ..places import BASE_PYTHON, INSIDE_ENVIRONMENT, INSIDE_OURS, readable_by_builds, writable_by_builds
from ..watchdog import Excess, Watchdog, Watched
from .build_log import BuildLog

_ADDRESS_ROOM_BYTES: Final = 1 << 30  # asked for and not used
_END_S: Final = 5.0  # for a killed sandbox to be gone


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What one step of one package's build may use."""

    memory_mb: int = 2048
    disk_mb: int = 2048
    processes: int = 128
    step_s: float = 600.0


class Ended(NamedTuple):
    """How a step ended."""

    code: int
    excess: str | None
    """What it used too much of, if we ended it for that."""


@dataclass(frozen=True, slots=True)
class BuildBox:
    """Runs the steps of one build."""

    bwrap: Path
    layers: Layers
    watchdog: Watchdog
    limits: BuildLimits
    uid: int | None
    work: Path
    log: BuildLog

    async def run(self, action: str, environment: Path | None) -> Ended:
        """Run one step to its end; cancelling the task ends its processes."""
        command, told, told_end = self._command(environment)
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[*command.descriptors, told_end],
                env={},
                cwd="/",
                start_new_session=True,
            )
        finally:
            command.close()
            os.close(told_end)
            if process is None:
                os.close(told)
        return await self._follow(process, told, self._plan(action, environment))

    async def _follow(self, process: asyncio.subprocess.Process, told: int, plan: build.Plan) -> Ended:
        """Feed the sandbox its plan and follow it to its end, within the limits."""
        assert process.stdin is not None  # noqa: S101 - asked for by the caller
        assert process.stdout is not None  # noqa: S101 - asked for by the caller
        excess: list[str] = []
        pid = watched = None
        try:
            pid = await asyncio.to_thread(_child_pid, told)
            watched = None if pid is None else self._watch(pid, excess)
            with suppress(OSError):
                process.stdin.write(json.dumps(plan._asdict()).encode())
                process.stdin.close()
            while data := await process.stdout.read(8192):
                self.log.tell(data.decode("utf-8", "replace"))
            return Ended(await process.wait(), excess[0] if excess else None)
        finally:
            process.stdin.close()
            if watched is not None:
                self.watchdog.forget(watched)
            await _make_sure_it_ended(process, pid)

    def _watch(self, pid: int, excess: list[str]) -> Watched:
        def stop(_: Excess, what: str) -> None:
            excess.append(what)
            _end(pid)

        watched = Watched(
            group=pid,
            memory_bytes=self.limits.memory_mb << 20,
            disk_bytes=self.limits.disk_mb << 20,
            processes=self.limits.processes,
            folder=self.work,
            drive=None,
            on_excess=stop,
        )
        self.watchdog.watch(watched)
        return watched

    def _command(self, environment: Path | None) -> tuple[mounts.Command, int, int]:
        python = f"{INSIDE_ENVIRONMENT}/bin/python" if environment else str(BASE_PYTHON)
        code = (
            f"import sys; sys.path.insert(0, {INSIDE_OURS!r}); from puras_inside import build; del sys.path[0]; "
            "build.main()"
        )
        told, told_end = os.pipe()
        command = mounts.build_command(
            self.bwrap,
            mounts.BuildPlaces(self.work, environment),
            uid=self.uid if self.uid is not None else os.getuid(),
            as_root=os.geteuid() == 0,
            info=told_end,
            program=[python, "-I", "-S", "-B", "-u", "-c", code],
        )
        return command, told, told_end

    def _plan(self, action: str, environment: Path | None) -> build.Plan:
        most = self.limits
        return build.Plan(
            action=action,
            uid=self.uid if os.geteuid() == 0 else None,
            limits={
                "DATA": (most.memory_mb << 20) + _ADDRESS_ROOM_BYTES,
                "FSIZE": most.disk_mb << 20,
                "NPROC": 4 * most.processes,
                "CORE": 0,
            },
            readable=readable_by_builds(has_environment=environment is not None),
            writable=writable_by_builds(),
            landlock=self.layers.landlock_abi > 0,
            seccomp=self.layers.seccomp,
            has_site=environment is not None,
        )


def _child_pid(told: int) -> int | None:
    """The process that bubblewrap started, as it says itself before that process runs anything."""
    with os.fdopen(told, "rb") as info:
        text = info.read()
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError, TypeError):
        return None


async def _make_sure_it_ended(process: asyncio.subprocess.Process, pid: int | None) -> None:
    if process.returncode is None:
        _end(pid)
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


def _end(pid: int | None) -> None:
    """End process 1 of the namespaces, and so all others."""
    if pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
