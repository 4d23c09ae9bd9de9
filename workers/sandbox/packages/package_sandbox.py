"""Run one step of the installation or build of packages, in a separate sandbox with its own limits."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from workers.sandbox.guest.enclosure import Enclosure
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.paths import BASE_PYTHON, INSIDE_PACKAGES, RUNTIME, start_code
from workers.sandbox.isolation.process_ids import Process, open_child
from workers.sandbox.isolation.watchdog import Excess, Watchdog, Watched

_ADDRESS_SPACE_BYTES: Final = 1 << 30  # requested and not used
MAX_OUTPUT_BYTES: Final = 1 << 20  # maximum output of a step, which may print endlessly
_READ_BYTES: Final = 64 << 10
_PAUSE_S: Final = 0.02
"""After each read of a step that has printed more than the maximum: others need the event loop, too."""
_END_S: Final = 5.0  # for a killed sandbox to end
_VARIABLES: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class StepLimits:
    """The limits of one step."""

    memory_mb: int
    disk_mb: int
    processes: int
    files: int


class Ended(NamedTuple):
    """The end of a step."""

    code: int
    excess: str | None
    """The limit that it exceeded, if it was ended for that."""
    output: str
    """The end of what it printed, up to `MAX_OUTPUT_BYTES`."""
    is_complete: bool
    """Whether that is the complete output."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step: its program, its folders and its access."""

    module: str
    """The module of the code inside: `build` or `install`."""
    plan: Mapping[str, Any]
    work: Path
    """Its folder, which belongs to its user and is watched."""
    home: str
    """The path of that folder, or of one below it, as the step sees it."""
    readable: Sequence[str]
    writable: Sequence[str]
    mounted: Sequence[str] = ()
    """Arguments of bubblewrap for mounts of this step."""
    descriptors: Sequence[int] = ()
    """Descriptors that these arguments name; closed when the step has started."""
    shares_network: bool = False
    """It has the network of the host, for the index of packages."""
    connect_ports: Sequence[int] = ()
    families: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class PackageSandbox:
    """Runs steps as one user, within limits."""

    layers: Layers
    watchdog: Watchdog
    limits: StepLimits
    uid: int | None
    on_output: Callable[[str], None]
    """Receives the output of a step."""

    async def run(self, step: Step) -> Ended:
        """Run one step to its end; cancelling the task ends its processes."""
        info, info_end = os.pipe()
        command = self._command(step, info_end)
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=[*command.descriptors, *([info_end] if self._is_mounted else [])],
                env={} if self._is_mounted else _VARIABLES,
                cwd="/",
                start_new_session=True,
            )
        finally:
            command.close()
            os.close(info_end)
            if process is None:
                os.close(info)
        body = {"plan": dict(step.plan), "enclosure": self._enclosure(step)._asdict()}
        return await self._follow(process, info, step, json.dumps(body).encode())

    @property
    def _is_mounted(self) -> bool:
        return self.layers.bwrap is not None

    async def _follow(self, process: asyncio.subprocess.Process, info: int, step: Step, plan: bytes) -> Ended:
        """Send the sandbox its plan and follow it to its end, within the limits."""
        assert process.stdin is not None  # noqa: S101 - asked for by the caller
        assert process.stdout is not None  # noqa: S101 - asked for by the caller
        excess: list[str] = []
        output = _OutputTail()
        first = watched = None
        try:
            named = await asyncio.to_thread(_child_pid, info)
            first = open_child(
                named if self._is_mounted else process.pid, process.pid if named else os.getpid()
            )
            watched = None if first is None else self._watch(first, step, excess)
            with suppress(OSError):
                process.stdin.write(plan)
                process.stdin.close()
            while data := await process.stdout.read(_READ_BYTES):
                self.on_output(output.add(data))
                if not output.is_complete:
                    await asyncio.sleep(_PAUSE_S)
            return Ended(await process.wait(), excess[0] if excess else None, output.text, output.is_complete)
        finally:
            process.stdin.close()
            if watched is not None:
                self.watchdog.forget(watched)
            try:
                await self._ensure_ended(process, first)
            finally:
                if first is not None:
                    first.close()
            with suppress(TimeoutError):  # its pipe is closed only when it ends
                async with asyncio.timeout(_END_S):
                    while await process.stdout.read(_READ_BYTES):
                        pass

    def _watch(self, first: Process, step: Step, excess: list[str]) -> Watched:
        def stop(_: Excess, what: str) -> None:
            excess.append(what)
            self._end(first)

        watched = Watched(
            leader=first,
            memory_bytes=self.limits.memory_mb << 20,
            disk_bytes=self.limits.disk_mb << 20,
            processes=self.limits.processes,
            folder=step.work,
            drive=None,
            on_excess=stop,
            max_files=self.limits.files,
            is_tree=self._is_mounted,
        )
        self.watchdog.watch(watched)
        return watched

    def _command(self, step: Step, info: int) -> mounts.Command:
        package_root, package = (
            (INSIDE_PACKAGES, "puras_inside") if self._is_mounted else (str(RUNTIME.parent), RUNTIME.name)
        )
        code = start_code(step.module, folder=package_root, package=package, mounted=self._is_mounted)
        program = [str(BASE_PYTHON), "-I", "-S", "-B", "-u", "-c", code]
        bwrap = self.layers.bubblewrap
        if bwrap is None:
            return mounts.Command(program, [])
        command = mounts.package_command(
            bwrap,
            ["--info-fd", str(info), *step.mounted],
            uid=self.uid if self.uid is not None else os.getuid(),
            as_root=os.geteuid() == 0,
            shares_network=step.shares_network,
            program=program,
        )
        return mounts.Command(command.argv, [*command.descriptors, *step.descriptors])

    def _enclosure(self, step: Step) -> Enclosure:
        limits = self.limits
        return Enclosure(
            uid=self.uid if os.geteuid() == 0 and self.layers.confines else None,
            home=step.home,
            limits={
                "DATA": (limits.memory_mb << 20) + _ADDRESS_SPACE_BYTES,
                "FSIZE": limits.disk_mb << 20,
                "CORE": 1,
                **({"NPROC": 4 * limits.processes} if self._is_mounted or self.uid is not None else {}),
            },
            readable=list(step.readable),
            writable=list(step.writable),
            connect_ports=list(step.connect_ports),
            families=list(step.families),
            datagrams=step.shares_network,
            landlock=self.layers.landlock_abi > 0,
            seccomp=self.layers.seccomp,
            namespaced=self._is_mounted,
        )

    def _end(self, first: Process | None) -> None:
        """End process 1 of the namespaces, and so all others; elsewhere they share a group."""
        if first is not None and self._is_mounted:
            first.kill()
        elif first is not None:
            first.signal_group(signal.SIGKILL)

    async def _ensure_ended(self, process: asyncio.subprocess.Process, first: Process | None) -> None:
        if process.returncode is None:
            self._end(first)
            with suppress(TimeoutError):
                async with asyncio.timeout(_END_S):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()


class _OutputTail:
    """The end of what a step prints."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.is_complete = True

    @property
    def text(self) -> str:
        return self._bytes.decode("utf-8", "replace")

    def add(self, data: bytes) -> str:
        """Add a piece; return its text, whose characters may have been cut by the reads."""
        self._bytes += data
        if len(self._bytes) > MAX_OUTPUT_BYTES:
            self.is_complete = False
            del self._bytes[:-MAX_OUTPUT_BYTES]
        return self._decoder.decode(data)


def _child_pid(info: int) -> int | None:
    """Return the process that bubblewrap started, as bubblewrap reports it before that process runs anything."""
    with os.fdopen(info, "rb") as file:
        text = file.read()
    try:
        return int(json.loads(text)["child-pid"])
    except (ValueError, KeyError, TypeError):
        return None
