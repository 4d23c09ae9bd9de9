"""The trusted side of one warm parent: starts it, keeps spares, hands out children, ends it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from workers.sandbox.guest import wire
from workers.sandbox.host import skill_import
from workers.sandbox.host.exit_status import NotStarted, is_status
from workers.sandbox.host.gateways import Gateways
from workers.sandbox.isolation.paths import HostPlaces
from workers.sandbox.isolation.process_ids import Process, is_over, open_below_first

from .errors import EntrypointRefused, ParentLost
from .launch import Ground, Launched, launch
from .output import Output
from .process import Child
from .spec import ParentSpec

IMPORT_S: Final = 60.0  # to start, confine itself and import the skill
_MAX_SPARES: Final = 4
_BUSY_S: Final = 1.0  # two jobs within this time ask for one more spare
_MESSAGES_AT_START: Final = 8
_MESSAGES_OF_A_CHILD: Final = 2
_READ_BYTES: Final = 1 << 16


class Zygote:
    """One sandbox with one process that has imported a skill, and the children it forks."""

    def __init__(self, spec: ParentSpec, ground: Ground, *, cold_reason: str | None) -> None:
        self.spec = spec
        self.cold_reason = cold_reason
        self.output = Output()
        self.running = 0
        self.used_at = time.monotonic()
        self.strays: set[int] = set()
        """Processes that belonged to no job when it was looked last."""
        self.process: Process | None = None
        """The first process of the sandbox, known from its first message on."""
        self.is_lost = False
        self.on_lost: Callable[[], None] = lambda: None
        self.on_full: Callable[[], None] = lambda: None
        """Called when its user may have no more processes."""
        self.folder = spec.key.room or ground.folders.make(spec.uid)
        """The folder of all of its jobs on this machine."""
        self._ground = ground
        self._children: dict[int, Child] = {}
        self._spares: list[Child] = []
        self._spares_wanted = 0 if spec.key.room else 1  # a spare has its folder already
        self._count = 0
        self._messages_left = _MESSAGES_AT_START
        self.doors = Gateways(ground, spec.key)
        self._launched: Launched | None = None
        self._why_stopped = ""
        self._spoke = asyncio.Event()
        self._told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        """Start the sandbox and import the skill in it.

        Raises:
            EntrypointRefused: the import failed, took too long or used too much, or a secret is no variable.
            NotForkable: it must be started again, importing in each child.
            ParentLost: it ended before it was ready.
        """
        skill_import.check_variables(self.spec.variables)
        host = HostPlaces(
            self.folder, self.spec.bundle, self.spec.drive, self.spec.key.environment, self._ground.ours
        )
        self._launched = await launch(self.spec, self._ground, host, cold=self.cold_reason is not None)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._launched.control, self._on_control)
        for descriptor, stream in ((self._launched.stdout, "stdout"), (self._launched.stderr, "stderr")):
            loop.add_reader(descriptor, self._read_text, descriptor, stream)
        try:
            async with asyncio.timeout(IMPORT_S):
                told = await self._watched_import()
        except TimeoutError:
            raise EntrypointRefused(
                f"Importing the skill did not end within {IMPORT_S:.0f} s: do long work inside the function."
            ) from None
        self._judge(told)
        self._fork_spares()

    async def take(self, within_s: float, work: str | None = None) -> Child:
        """A child that waits for its job; with `work`, in that folder of the parent's room.

        Raises:
            ParentLost: the parent, or the child, ended first.
            EntrypointRefused: a child that imports by itself took too long or used too much.
        """
        now = time.monotonic()
        is_busy = now - self.used_at < _BUSY_S and not any(child.ready.done() for child in self._spares)
        if is_busy and self.spec.key.room is None:
            self._spares_wanted = min(_MAX_SPARES, self._spares_wanted + 1)
        self.used_at = now
        child = self._spare() or self._fork(work)
        asyncio.get_running_loop().call_soon(self._fork_spares)
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(child.ready)
        except NotStarted:
            self.release(child)
            if child.stopped is not None:
                raise EntrypointRefused(child.stopped.message) from None
            raise ParentLost("The process of the job ended before the job began.") from None
        except TimeoutError:
            self.release(child)
            raise EntrypointRefused(f"Importing the skill did not end within {within_s:.0f} s.") from None
        except asyncio.CancelledError:
            self.release(child)
            raise
        child.thaw()
        return child

    def release(self, child: Child) -> None:
        """End a child and everything that it started, and remove its folder if it has one of its own."""
        self._children.pop(child.number, None)
        is_honest = child.kill()
        child.close()
        if child.work is None:
            self._ground.folders.remove_soon(self.folder / child.slot)
        if not is_honest:
            self.stop("it forged a process")

    @property
    def pid(self) -> int | None:
        """The process ID of the first process, to be shown and to read about it."""
        return self.process.pid if self.process is not None else None

    @property
    def groups(self) -> set[int]:
        """The process groups that may exist in its sandbox: the number of one that is gone is no job's."""
        leaders = (child.process for child in self._children.values())
        groups = {leader.pid for leader in leaders if leader is not None and leader.has_group()}
        return groups if self.pid is None else {self.pid, *groups}

    @property
    def spares(self) -> int:
        """Children that wait for a job."""
        return len(self._spares)

    def tidy(self) -> None:
        """Have what ended jobs left in shared memory removed."""
        if self._launched is not None and not self.is_lost and self._ground.is_mounted:
            with suppress(OSError):
                wire.send(self._launched.control, {"type": "tidy"})

    def stop(self, why: str = "it was ended") -> None:
        """End the sandbox with all of its processes, at once."""
        self._why_stopped = self._why_stopped or why
        self._lose()

    async def wait(self) -> None:
        """Wait until its processes are gone and collected."""
        if self._launched is not None:
            await self._launched.wait()

    async def _watched_import(self) -> dict[str, Any]:
        """What the parent says of its import, which may not use more than a job."""
        if not self._ground.is_mounted:
            return await self._told  # this parent imports nothing
        await self._spoke.wait()
        if self.process is None:
            return await self._told

        def stop(what: str) -> None:
            self.stop(f"importing the skill {what}")

        watched = skill_import.watch(self._ground, self.spec, self.process, folder=self.folder, stop=stop)
        try:
            return await self._told
        finally:
            self._ground.watchdog.forget(watched)

    def _judge(self, told: dict[str, Any]) -> None:
        if told.get("type") != "ready" and not self.is_lost:
            for descriptor, stream in self._texts():
                self._read_text(descriptor, stream)
        skill_import.judge(told, self.output, why_stopped=self._why_stopped)

    def _fork_spares(self) -> None:
        with suppress(ParentLost):
            while not self.is_lost and len(self._spares) < self._spares_wanted:
                self._spares.append(self._fork())

    def _spare(self) -> Child | None:
        """A child that waits already; those that have died meanwhile are let go of."""
        while self._spares:
            child = self._spares.pop(0)
            if not child.is_gone:
                return child
            self.release(child)
        return None

    def _fork(self, work: str | None = None) -> Child:
        if self.is_lost or self._launched is None:
            raise ParentLost("The skill's warm parent process has ended.")
        self._count += 1
        child = Child(self._count, work, parent=self.process)
        if self.cold_reason is not None:
            skill_import.watch_cold(
                self._ground,
                self.spec,
                child,
                folder=self.folder / child.slot,
                is_spare=lambda: child in self._spares,
            )
        self._children[child.number] = child
        self._messages_left += _MESSAGES_OF_A_CHILD
        try:
            child.hand_over(self._launched.control)
        except OSError:
            child.lost()
            self.release(child)
            raise ParentLost("The skill's warm parent process takes no more jobs.") from None
        return child

    def _on_control(self) -> None:
        if self._launched is None or self.is_lost:
            return
        try:
            message = wire.receive(self._launched.control, max_descriptors=1)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        if message.closed:
            self._lose()
            return
        if self.process is None and message.pid is not None:
            self.process = self._first(message.pid)
            # One that is over by now has run nothing of the tenant's before it sent this, and its socket is closed.
            if self.process is None and not is_over(message.pid):
                self.stop("its first message came from another process than its first")
                return
            self._spoke.set()
        self._heed(message.body, message.descriptors)
        self._messages_left -= 1
        if self._messages_left < 0:
            self.stop("it sent more messages than it has children")

    def _first(self, sender: int) -> Process | None:
        """The first process of the sandbox, which runs no code of the tenant's before its first message."""
        assert self._launched is not None  # noqa: S101 - it sent something
        started = self._launched.process.pid
        if self._ground.is_mounted:
            return open_below_first(sender, started)
        return Process(started) if sender == started else None

    def _heed(self, body: dict[str, Any], descriptors: list[int]) -> None:
        """Take in one message. The sender may lie: at worst it hurts its own jobs."""
        kind = body.get("type")
        if not self._told.done():
            try:
                self.doors.take(kind, descriptors)
            except ValueError as error:
                self.stop(f"{error}: correct it in skill.yaml")
        for descriptor in descriptors:
            os.close(descriptor)
        child = self._children.get(body["id"]) if isinstance(body.get("id"), int) else None
        if kind == "exit" and not is_status(body.get("status")):
            self.stop("it reported an end that no process has")
        elif kind == "exit" and child is not None:
            child.exited(body["status"])
        elif kind == "not_forked" and child is not None:
            child.lost()
            self.on_full()
        elif kind in ("ready", "refused", "not_forkable") and not self._told.done():
            self._told.set_result(body)

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

    def _lose(self) -> None:
        """It is gone: every child with it."""
        if self.is_lost:
            return
        self.is_lost = True
        self._spoke.set()
        if not self._told.done():
            self._told.set_result({"type": "lost"})
        if self._launched is not None:
            self._kill_first(self._launched)
        for spare in self._spares:
            self.release(spare)
        self._spares.clear()
        for child in list(self._children.values()):
            child.lost()
        self._let_go()
        if self.spec.key.room is None:
            self._ground.folders.remove_soon(self.folder)
        self.on_lost()

    def _kill_first(self, launched: Launched) -> None:
        """End process 1 of the namespaces, and so all others; without it, what started it ends it."""
        if self.process is not None:
            self.process.kill()
        else:
            launched.kill(None)

    def _let_go(self) -> None:
        """Close every way to it; what it printed last is read before."""
        self.doors.close()
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
