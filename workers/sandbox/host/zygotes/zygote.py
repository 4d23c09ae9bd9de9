"""Manage the host side of one zygote: start it, prepare spare children, assign them to jobs, and end it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from workers.sandbox.guest import wire
from workers.sandbox.host.zygotes import skill_import
from workers.sandbox.host.zygotes.exit_status import NotStarted, is_status
from workers.sandbox.host.zygotes.gateways import Gateways
from workers.sandbox.isolation.paths import HostPaths
from workers.sandbox.isolation.process_ids import Process, is_over, open_below_first
from workers.sandbox.isolation.process_memory import SandboxMemory

from .errors import EntrypointRefused, ZygoteLost
from .folders import Folders
from .launch import SharedResources, launch, launch_prepared
from .output import Output
from .process import Child
from .spec import ZygoteSpec
from .start import Launched

IMPORT_S: Final = 60.0  # to start, confine itself and import the skill
_MAX_SPARES: Final = 4
_BUSY_S: Final = 1.0  # two jobs within this time lead to one more spare child
_MESSAGES_AT_START: Final = 8
_MESSAGES_OF_A_CHILD: Final = 2
_READ_BYTES: Final = 1 << 16


class Zygote:
    """One sandbox with a process that has imported a skill, and the children that it forks."""

    def __init__(self, spec: ZygoteSpec, shared: SharedResources, *, cold_reason: str | None) -> None:
        self.spec = spec
        self.cold_reason = cold_reason
        self.output = Output()
        self.running = 0
        self.used_at = time.monotonic()
        self._is_used = False
        self.strays: set[int] = set()
        """Processes that belonged to no job at the last check."""
        self.memory_bytes = 0
        """The bytes of memory of its processes when it was idle at the last check."""
        self._memory: SandboxMemory | None = None
        self.process: Process | None = None
        """The first process of the sandbox, known from its first message on."""
        self.is_lost = False
        self.on_lost: Callable[[], None] = lambda: None
        self.on_full: Callable[[], None] = lambda: None
        """Called if its user may have no more processes."""
        self._folders = Folders(spec, shared)
        self._shared = shared
        self._children: dict[int, Child] = {}
        self._spares: list[Child] = []
        self._spares_wanted = 0 if spec.key.workspaces_dir else 1  # a spare has its folder already
        self._count = 0
        self._messages_left = _MESSAGES_AT_START
        self.gateways = Gateways(shared, spec.key)
        self._launched: Launched | None = None
        self._why_stopped = ""
        self._has_message = asyncio.Event()
        self._report: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start the sandbox and import the skill in it.

        Raises:
            EntrypointRefused: the import failed, took too long or exceeded a limit, or a secret is not a
                valid variable.
            NotForkable: it must be started again, importing in each child.
            ZygoteLost: it ended before it was ready.
        """
        skill_import.check_variables(self.spec.variables)
        host = HostPaths(
            self.folder,
            self.spec.bundle,
            self.spec.drive,
            self.spec.key.environment,
            self._shared.packages_dir,
        )
        self._launched = await self._launch(host)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._launched.control, self._on_control)
        for descriptor, stream in ((self._launched.stdout, "stdout"), (self._launched.stderr, "stderr")):
            loop.add_reader(descriptor, self._read_text, descriptor, stream)
        try:
            async with asyncio.timeout(IMPORT_S):
                report = await self._watched_import()
        except TimeoutError:
            raise EntrypointRefused(
                f"The import of the skill did not end within {IMPORT_S:.0f} s. Do long work inside the "
                "function."
            ) from None
        self._check_import(report)
        self._fork_spares()

    async def _launch(self, host: HostPaths) -> Launched:
        cold = self.cold_reason is not None
        assigned = await launch_prepared(self.spec, self._shared, host, cold=cold)
        if assigned is None:
            return await launch(self.spec, self._shared, host, cold=cold)
        self.process = assigned.process
        self._has_message.set()
        return assigned.launched

    async def take(self, within_s: float, work: str | None = None) -> Child:
        """Return a child that waits for its job; with `work`, in that work folder.

        Raises:
            ZygoteLost: the zygote or the child ended first.
            EntrypointRefused: a child that imports the skill itself took too long or exceeded a limit.
        """
        now = time.monotonic()
        is_busy = (
            self._is_used
            and now - self.used_at < _BUSY_S
            and not any(child.ready.done() for child in self._spares)
        )
        if is_busy and self.spec.key.workspaces_dir is None:
            self._spares_wanted = min(_MAX_SPARES, self._spares_wanted + 1)
        self.used_at, self._is_used = now, True
        child = self._spare() or self._fork(work)
        asyncio.get_running_loop().call_soon(self._fork_spares)
        if not child.is_ready:
            await self._wait_until_ready(child, within_s)
        child.thaw()
        return child

    async def _wait_until_ready(self, child: Child, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(child.ready)
        except NotStarted:
            self.release(child)
            if child.stopped is not None:
                raise EntrypointRefused(child.stopped.message) from None
            raise ZygoteLost("The process of the job ended before the job started.") from None
        except TimeoutError:
            self.release(child)
            raise EntrypointRefused(f"The import of the skill did not end within {within_s:.0f} s.") from None
        except asyncio.CancelledError:
            self.release(child)
            raise

    def release(self, child: Child) -> None:
        """End a child and all processes that it started, and remove its own folder."""
        self._children.pop(child.number, None)
        is_honest = child.kill()
        child.close()
        self._folders.give_back(child)
        if not is_honest:
            self.stop("it forged a process")

    @property
    def folder(self) -> Path:
        """The folder of all its jobs on this host."""
        return self._folders.root

    @property
    def pid(self) -> int | None:
        """The process ID of the first process, for display and for /proc."""
        return self.process.pid if self.process is not None else None

    def measure_memory(self) -> int:
        """Return the bytes of memory of its processes, while it runs no job."""
        if self._memory is None and self._launched is not None and self.process is not None:
            self._memory = SandboxMemory(self._launched.process.pid, self.process.pid)
        if self._memory is not None:
            self.memory_bytes = self._memory.read()
            if self.running:  # a job has started, and its memory may be included
                self._memory = None
        return self.memory_bytes

    @property
    def groups(self) -> set[int]:
        """The process groups that may exist in its sandbox, without those that have ended."""
        leaders = (child.process for child in self._children.values())
        groups = {leader.pid for leader in leaders if leader is not None and leader.has_group()}
        return groups if self.pid is None else {self.pid, *groups}

    @property
    def spares(self) -> int:
        """The number of children that wait for a job."""
        return len(self._spares)

    def end_spares(self) -> None:
        """End the children that wait for a job; the next job forks its own, and a spare one for the job after it."""
        for spare in self._spares:
            self.release(spare)
        self._spares.clear()
        self._memory = None

    def tidy(self) -> None:
        """Remove what ended jobs have left in shared memory."""
        if self._launched is not None and not self.is_lost and self._shared.is_mounted:
            with suppress(OSError):
                wire.send(self._launched.control, {"type": "tidy"})

    def stop(self, why: str = "it was ended") -> None:
        """End the sandbox with all its processes, immediately."""
        self._why_stopped = self._why_stopped or why
        self._on_lost()

    async def wait(self) -> None:
        """Wait until its processes have ended."""
        if self._launched is not None:
            await self._launched.wait()

    async def _watched_import(self) -> dict[str, Any]:
        """Return the report on the import, to which the limits of a job apply."""
        if not self._shared.is_mounted:
            return await self._report  # this zygote imports nothing
        await self._has_message.wait()
        if self.process is None:
            return await self._report

        def stop(what: str) -> None:
            self.stop(f"importing the skill {what}")

        watched = skill_import.watch(self._shared, self.spec, self.process, folder=self.folder, stop=stop)
        try:
            return await self._report
        finally:
            self._shared.watchdog.forget(watched)

    def _check_import(self, report: dict[str, Any]) -> None:
        if report.get("type") != "ready" and not self.is_lost:
            for descriptor, stream in self._texts():
                self._read_text(descriptor, stream)
        skill_import.check_report(report, self.output, why_stopped=self._why_stopped)

    def _fork_spares(self) -> None:
        with suppress(ZygoteLost):
            while not self.is_lost and len(self._spares) < self._spares_wanted:
                self._spares.append(self._fork())

    def _spare(self) -> Child | None:
        """Return a child that is waiting, and release those that have ended."""
        while self._spares:
            child = self._spares.pop(0)
            if not child.has_ended:
                return child
            self.release(child)
        return None

    def _fork(self, work: str | None = None) -> Child:
        if self.is_lost or self._launched is None:
            raise ZygoteLost("The skill's zygote has ended.")
        self._count += 1
        child = Child(self._count, work, reused=None if work else self._folders.take(), zygote=self.process)
        if self.cold_reason is not None:
            skill_import.watch_cold(
                self._shared,
                self.spec,
                child,
                folder=self.folder / child.slot,
                is_spare=lambda: child in self._spares,
            )
        self._children[child.number] = child
        self._messages_left += _MESSAGES_OF_A_CHILD
        try:
            child.request_fork(self._launched.control)
        except OSError:
            child.mark_lost()
            self.release(child)
            raise ZygoteLost("The skill's zygote accepts no more jobs.") from None
        return child

    def _on_control(self) -> None:
        if self._launched is None or self.is_lost:
            return
        try:
            message = wire.receive(self._launched.control, max_descriptors=1)
        except BlockingIOError:
            return
        except OSError:
            self._on_lost()
            return
        if message.closed:
            self._on_lost()
            return
        if self.process is None and message.pid is not None:
            self.process = self._first(message.pid)
            # One that has ended by now ran no tenant code before it sent this, and its socket is closed.
            if self.process is None and not is_over(message.pid):
                self.stop("its first message came from another process than its first")
                return
            self._has_message.set()
        self._handle(message.body, message.descriptors)
        self._messages_left -= 1
        if self._messages_left < 0:
            self.stop("it sent more messages than it has children")

    def _first(self, sender: int) -> Process | None:
        """Return the first process of the sandbox, which runs no tenant code before its first message."""
        assert self._launched is not None  # noqa: S101 - it sent something
        started = self._launched.process.pid
        if self._shared.is_mounted:
            return open_below_first(sender, started)
        return Process(started) if sender == started else None

    def _handle(self, body: dict[str, Any], descriptors: list[int]) -> None:
        """Handle one message. It is not trusted: a forged one affects only the jobs of the same sandbox."""
        kind = body.get("type")
        if not self._report.done():
            try:
                self.gateways.take(kind, descriptors)
                self._folders.watch_sockets(kind, descriptors, self._children.values(), self.process)
            except ValueError as error:
                self.stop(f"{error}. Correct it in skill.yaml")
        for descriptor in descriptors:
            os.close(descriptor)
        child = self._children.get(body["id"]) if isinstance(body.get("id"), int) else None
        if kind == "exit" and not is_status(body.get("status")):
            self.stop("it reported an invalid end of a process")
        elif kind == "exit" and child is not None:
            child.mark_exited(body["status"])
        elif kind == "not_forked" and child is not None:
            child.mark_lost()
            self.on_full()
        elif kind in ("ready", "refused", "not_forkable") and not self._report.done():
            self._report.set_result(body)

    def _texts(self) -> list[tuple[int, str]]:
        return (
            [(self._launched.stdout, "stdout"), (self._launched.stderr, "stderr")] if self._launched else []
        )

    def _read_text(self, descriptor: int, stream: str) -> None:
        try:
            data = os.read(descriptor, _READ_BYTES)
        except (BlockingIOError, ValueError):
            return
        if data:
            self.output.text(stream, data)
        else:
            asyncio.get_running_loop().remove_reader(descriptor)

    def _on_lost(self) -> None:
        """Release everything after the zygote has ended, and all children with it."""
        if self.is_lost:
            return
        self.is_lost = True
        self._has_message.set()
        if not self._report.done():
            self._report.set_result({"type": "lost"})
        if self._launched is not None:
            self._kill_first(self._launched)
        self.end_spares()
        for child in list(self._children.values()):
            child.mark_lost()
        self._close_channels()
        self._folders.close()
        self.on_lost()

    def _kill_first(self, launched: Launched) -> None:
        """End process 1 of the namespaces, and so all others; if it is unknown, the process that starts it."""
        if self.process is not None:
            self.process.kill()
        else:
            launched.kill()

    def _close_channels(self) -> None:
        """Close all sockets and pipes, after the last output was read."""
        self.gateways.close()
        if self.process is not None:
            self.process.close()
        if self._launched is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._launched.control)
        self._launched.control.close()
        for descriptor, stream in self._texts():
            self._read_text(descriptor, stream)
            loop.remove_reader(descriptor)
            os.close(descriptor)
