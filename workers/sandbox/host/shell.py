"""The trusted side of one command of an agent: starts it in a sandbox of its own, follows it, ends all of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, NamedTuple

from backend.core import logs
from backend.core.metrics.instruments import SANDBOX_KILLS
from workers.sandbox.egress.gateway_handle import Doorway
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.guest import wire
from workers.sandbox.host.commands import Order, plan_of
from workers.sandbox.host.execution import MENDS
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.control_groups import Group
from workers.sandbox.isolation.paths import BASE_PYTHON, HostPlaces, JobPlaces, seen_from_inside
from workers.sandbox.isolation.process_ids import Process, open_below_first
from workers.sandbox.isolation.watchdog import Excess, Watched

from .errors import ParentLost
from .launch import VARIABLES

_READ_BYTES: Final = 1 << 16
_SAID_BYTES: Final = 2_000
_END_S: Final = 5.0  # for a killed sandbox to be gone
_JOB: Final = 1  # each command has a door of its own
_PYTHON: Final = ("-I", "-S", "-B", "-u", "-c")


log = logs.get(__name__)


class Finished(NamedTuple):
    """How a command ended."""

    status: int | None
    """Its exit code, negative for a signal; none when we ended it."""
    excess: str | None = None
    """What it used too much of."""
    timed_out: bool = False


async def run_command(house: SandboxRuntime, order: Order, visit: NetworkUse) -> Finished:
    """Run a command to its end, and end whatever it has left behind; cancelling the task does so too.

    Raises:
        ParentLost: the sandbox did not start.
    """
    running = _Running(house, order, visit)
    process = await running.start()
    heard: list[asyncio.Future[None]] = []
    try:
        async with asyncio.timeout(order.timeout_s):
            await running.seated()
            heard = [
                asyncio.ensure_future(_read(stream, name, order.hear))
                for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr"))
                if stream is not None
            ]
            return await running.follow()
    except TimeoutError:
        SANDBOX_KILLS.labels("timeout").inc()
        return Finished(None, timed_out=True)
    finally:
        await running.end()
        if heard:
            await asyncio.wait(heard, timeout=_END_S)  # what it has printed is in the pipes
        for reading in heard:
            reading.cancel()


class _Running:
    """One command from its start to its end."""

    def __init__(self, house: SandboxRuntime, order: Order, visit: NetworkUse) -> None:
        self._house = house
        self._order = order
        self._visit = visit
        self._control, self._theirs = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        self._control.setblocking(False)
        if hasattr(socket, "SO_PASSCRED"):
            self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._process: asyncio.subprocess.Process | None = None
        self._first: Process | None = None
        self._watched: Watched | None = None
        self._group: Group | None = None
        self._doorway: Doorway | None = None
        self._excess: str | None = None

    async def start(self) -> asyncio.subprocess.Process:
        """Start the sandbox, which waits for its plan."""
        ground = self._house.ground
        host, places = self._places()
        command = self._command(host, places)
        kept = [] if self._order.channel is None else [self._order.channel]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[*command.descriptors, self._theirs.fileno(), *kept],
                env={} if ground.is_mounted else {name: VARIABLES[name] for name in ("PATH", "LANG")},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._control.close()
            raise ParentLost(f"The sandbox cannot be started: {error.strerror}.") from None
        except BaseException:
            self._control.close()
            raise
        finally:
            command.close()
            self._theirs.close()
        return self._process

    async def seated(self) -> None:
        """Wait until its first process is there, and hold it to its limits.

        Raises:
            ParentLost: it is not coming; why is for the operator alone to read.
        """
        assert self._process is not None  # noqa: S101 - it was started
        message = await self._message()
        self._first = None if message.closed else self._sender(message.pid, self._process.pid)
        if self._first is None:
            said = await self._process.stderr.read(_SAID_BYTES) if self._process.stderr else b""
            log.warning("the sandbox of a command did not start", said=said.decode(errors="replace"))
            raise ParentLost("The sandbox of the command ended before it began. Try again.")
        self._hold(self._first)

    async def follow(self) -> Finished:
        """Give it its plan and wait for the end of the command."""
        assert self._process is not None  # noqa: S101 - it was started
        assert self._process.stdin is not None  # noqa: S101 - asked for
        plan = plan_of(self._house, self._order, self._places()[1])
        with suppress(OSError):
            self._process.stdin.write(json.dumps(plan._asdict()).encode())
            await self._process.stdin.drain()
        self._process.stdin.close()
        message = await self._message()
        while not message.closed and message.body.get("type") != "ended":
            if message.body.get("type") == "egress":
                self._open(message.descriptors)
            message = await self._message()
        status = message.body.get("status")
        if self._excess is None and self._group is not None and self._group.ran_out_of_memory:
            self._excess = f"used more memory than its limit: {MENDS['memory_limit']}"
        is_ours = message.closed or self._excess is not None
        return Finished(status if isinstance(status, int) and not is_ours else None, self._excess)

    async def end(self) -> None:
        """End every process of it, and let go of all that was held for it."""
        self._kill()
        if self._watched is not None:
            self._house.watchdog.forget(self._watched)
        if self._house.groups is not None and self._group is not None:
            self._house.groups.remove_soon(self._group)
        self._control.close()
        if self._process is not None:
            await _gone(self._process)
        if self._first is not None:
            self._first.close()
        if self._doorway is not None:
            self._doorway.leave(_JOB)
            await self._doorway.tell(_JOB, self._visit)
            self._doorway.close()

    def _places(self) -> tuple[HostPlaces, JobPlaces]:
        ground, spec = self._house.ground, self._order.spec
        host = HostPlaces(self._order.room, spec.bundle, spec.drive, spec.key.environment, ground.ours)
        return host, seen_from_inside(host, mounted=ground.is_mounted)

    def _command(self, host: HostPlaces, places: JobPlaces) -> mounts.Command:
        code = (
            f"import sys; sys.path.insert(0, {places.kit!r}); from puras_inside import shell; del sys.path[0]; "
            f"shell.main({self._theirs.fileno()}, {self._order.channel}, {self._house.ground.is_mounted})"
        )
        program = [str(BASE_PYTHON), *_PYTHON, code]
        bwrap, spec = self._house.layers.bubblewrap, self._order.spec
        if bwrap is None:
            return mounts.Command(program, [])
        uid = spec.uid if spec.uid is not None else os.getuid()
        work = mounts.Work(self._order.descriptor, f"{places.jobs}/{self._order.name}")
        return mounts.shell_command(
            bwrap,
            host,
            work,
            uid=uid,
            as_root=os.geteuid() == 0,
            program=program,
            packages=self._order.packages,
            hidden=self._order.hidden,
        )

    async def _message(self) -> wire.Message:
        """The next message of the process that waits for the command."""
        loop = asyncio.get_running_loop()
        while True:
            arrived = asyncio.Event()
            loop.add_reader(self._control, arrived.set)
            try:
                await arrived.wait()
            finally:
                loop.remove_reader(self._control)
            with suppress(BlockingIOError):
                return wire.receive(self._control, max_descriptors=1)

    def _sender(self, pid: int | None, started: int) -> Process | None:
        """The first process of the sandbox; none if it is gone, or another one sent the message."""
        if self._house.ground.is_mounted:
            return open_below_first(pid, started)
        with suppress(ProcessLookupError):
            return Process(started)
        return None

    def _hold(self, first: Process) -> None:
        limits, house = self._order.limits, self._house

        def stop(kind: Excess, what: str) -> None:
            SANDBOX_KILLS.labels(kind).inc()
            self._excess = f"{what}: {MENDS[kind]}"
            self._kill()

        self._watched = Watched(
            leader=first,
            memory_bytes=limits.memory_mb << 20,
            disk_bytes=limits.disk_mb << 20,
            processes=limits.processes,
            folder=self._order.room / self._order.name,
            drive=self._order.spec.drive,
            on_excess=stop,
            is_tree=True,
        )
        house.watchdog.watch(self._watched)
        if house.groups is not None:
            self._group = house.groups.hold(first, limits)

    def _open(self, descriptors: list[int]) -> None:
        """Serve its door to the internet."""
        ground, key = self._house.ground, self._order.spec.key
        for descriptor in descriptors:
            if self._doorway is None and ground.opens_to_internet(key.network):
                listener = socket.socket(fileno=descriptor)
                self._doorway = ground.proxy.open(listener, key.network, tenant=str(key.project_id))
                self._doorway.enter(_JOB, self._visit)
            else:
                os.close(descriptor)

    def _kill(self) -> None:
        """In namespaces the end of the first process is that of all; elsewhere they share its group."""
        if self._first is not None and self._house.ground.is_mounted:
            self._first.kill()
        elif self._first is not None:
            self._first.signal_group(signal.SIGKILL)
        elif self._process is not None and self._process.returncode is None:
            self._process.kill()


async def _read(
    stream: asyncio.StreamReader, name: str, hear: Callable[[str, bytes], Coroutine[Any, Any, None]]
) -> None:
    while data := await stream.read(_READ_BYTES):
        await hear(name, data)


async def _gone(process: asyncio.subprocess.Process) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
