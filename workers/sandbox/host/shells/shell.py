"""Run the host side of one command of an agent.

Start it in its own sandbox, follow it and end all its processes.
"""

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
from workers.sandbox.egress.gateway_handle import GatewayHandle
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.guest import wire
from workers.sandbox.host.executions.execution import REMEDIES
from workers.sandbox.host.messages import next_message
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.shells.commands import CommandRequest, plan_of
from workers.sandbox.host.zygotes.errors import ZygoteLost
from workers.sandbox.host.zygotes.launch import VARIABLES
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.control_groups import Group
from workers.sandbox.isolation.paths import BASE_PYTHON, HostPaths, JobPaths, paths_inside, start_code
from workers.sandbox.isolation.process_ids import Process, open_below_first
from workers.sandbox.isolation.watchdog import Excess, Watched

_READ_BYTES: Final = 1 << 16
_STDERR_BYTES: Final = 2_000
_END_S: Final = 5.0  # for a killed sandbox to end
_JOB: Final = 1  # each command has its own gateway
_PYTHON: Final = ("-I", "-S", "-B", "-u", "-c")


log = logs.get(__name__)


class Finished(NamedTuple):
    """The result of a command."""

    status: int | None
    """Its exit code, negative for a signal; none if the worker ended it."""
    excess: str | None = None
    """The limit that it exceeded."""
    timed_out: bool = False


async def run_command(runtime: SandboxRuntime, request: CommandRequest, network_use: NetworkUse) -> Finished:
    """Run a command to its end, and end all processes that it started.

    Cancelling the task has the same effect.

    Raises:
        ZygoteLost: the sandbox did not start.
    """
    running = _Running(runtime, request, network_use)
    process = await running.start()
    readers: list[asyncio.Future[None]] = []
    try:
        async with asyncio.timeout(request.timeout_s):
            await running.wait_started()
            readers = [
                asyncio.ensure_future(_forward_output(stream, name, request.on_output))
                for stream, name in ((process.stdout, "stdout"), (process.stderr, "stderr"))
                if stream is not None
            ]
            return await running.follow()
    except TimeoutError:
        SANDBOX_KILLS.labels("timeout").inc()
        return Finished(None, timed_out=True)
    finally:
        await running.end()
        if readers:
            await asyncio.wait(readers, timeout=_END_S)  # its output is in the pipes
        for reading in readers:
            reading.cancel()


class _Running:
    """One command from its start to its end."""

    def __init__(self, runtime: SandboxRuntime, request: CommandRequest, network_use: NetworkUse) -> None:
        self._runtime = runtime
        self._request = request
        self._visit = network_use
        self._control, self._peer_control = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        self._control.setblocking(False)
        if hasattr(socket, "SO_PASSCRED"):
            self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._process: asyncio.subprocess.Process | None = None
        self._first: Process | None = None
        self._watched: Watched | None = None
        self._group: Group | None = None
        self._gateway: GatewayHandle | None = None
        self._excess: str | None = None

    async def start(self) -> asyncio.subprocess.Process:
        """Start the sandbox, which waits for its plan."""
        shared = self._runtime.shared
        host, paths = self._paths()
        command = self._command(host, paths)
        channel = [] if self._request.channel is None else [self._request.channel]
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[*command.descriptors, self._peer_control.fileno(), *channel],
                env={} if shared.is_mounted else {name: VARIABLES[name] for name in ("PATH", "LANG")},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            self._control.close()
            raise ZygoteLost(f"The sandbox cannot be started: {error.strerror}.") from None
        except BaseException:
            self._control.close()
            raise
        finally:
            command.close()
            self._peer_control.close()
        return self._process

    async def wait_started(self) -> None:
        """Wait until its first process has started, and apply the limits to it.

        Raises:
            ZygoteLost: it did not start; only the operator's log contains the reason.
        """
        assert self._process is not None  # noqa: S101 - it was started
        message = await next_message(self._control, max_descriptors=1)
        self._first = None if message.closed else self._sender(message.pid, self._process.pid)
        if self._first is None:
            stderr = await self._process.stderr.read(_STDERR_BYTES) if self._process.stderr else b""
            log.warning("sandbox of a command did not start", stderr=stderr.decode(errors="replace"))
            raise ZygoteLost("The sandbox of the command ended before it started. Try again.")
        self._limit(self._first)

    async def follow(self) -> Finished:
        """Send the plan and wait for the end of the command."""
        assert self._process is not None  # noqa: S101 - it was started
        assert self._process.stdin is not None  # noqa: S101 - asked for
        plan = plan_of(self._runtime, self._request, self._paths()[1])
        with suppress(OSError):
            self._process.stdin.write(json.dumps(plan._asdict()).encode())
            await self._process.stdin.drain()
        self._process.stdin.close()
        message = await next_message(self._control, max_descriptors=1)
        while not message.closed and message.body.get("type") != "ended":
            if message.body.get("type") == "egress":
                self._open(message.descriptors)
            message = await next_message(self._control, max_descriptors=1)
        status = message.body.get("status")
        if self._excess is None and self._group is not None and self._group.ran_out_of_memory:
            self._excess = f"used more memory than its limit: {REMEDIES['memory_limit']}"
        is_unreported = message.closed or self._excess is not None
        return Finished(status if isinstance(status, int) and not is_unreported else None, self._excess)

    async def end(self) -> None:
        """End all its processes and release its resources."""
        self._kill()
        if self._watched is not None:
            self._runtime.watchdog.forget(self._watched)
        if self._runtime.groups is not None and self._group is not None:
            self._runtime.groups.remove_soon(self._group)
        self._control.close()
        if self._process is not None:
            await _wait_gone(self._process)
        if self._first is not None:
            self._first.close()
        if self._gateway is not None:
            self._gateway.leave(_JOB)
            await self._gateway.record_traffic(_JOB, self._visit)
            self._gateway.close()

    def _paths(self) -> tuple[HostPaths, JobPaths]:
        shared, spec = self._runtime.shared, self._request.spec
        host = HostPaths(
            self._request.workspaces_dir, spec.bundle, spec.drive, spec.key.environment, shared.packages_dir
        )
        return host, paths_inside(host, mounted=shared.is_mounted)

    def _command(self, host: HostPaths, paths: JobPaths) -> mounts.Command:
        code = start_code(
            "shell",
            self._peer_control.fileno(),
            self._request.channel,
            folder=paths.kit,
            mounted=self._runtime.shared.is_mounted,
        )
        program = [str(BASE_PYTHON), *_PYTHON, code]
        bwrap, spec = self._runtime.layers.bubblewrap, self._request.spec
        if bwrap is None:
            return mounts.Command(program, [])
        uid = spec.uid if spec.uid is not None else os.getuid()
        work = mounts.Work(self._request.descriptor, f"{paths.jobs}/{self._request.name}")
        return mounts.shell_command(
            bwrap,
            host,
            work,
            uid=uid,
            as_root=os.geteuid() == 0,
            program=program,
            packages=self._request.packages,
            hidden=self._request.hidden,
        )

    def _sender(self, pid: int | None, started: int) -> Process | None:
        """Return the first process of the sandbox; none if it has ended, or another process sent the message."""
        if self._runtime.shared.is_mounted:
            return open_below_first(pid, started)
        with suppress(ProcessLookupError):
            return Process(started)
        return None

    def _limit(self, first: Process) -> None:
        limits, runtime = self._request.limits, self._runtime

        def stop(kind: Excess, what: str) -> None:
            SANDBOX_KILLS.labels(kind).inc()
            self._excess = f"{what}: {REMEDIES[kind]}"
            self._kill()

        self._watched = Watched(
            leader=first,
            memory_bytes=limits.memory_mb << 20,
            disk_bytes=limits.disk_mb << 20,
            processes=limits.processes,
            folder=self._request.workspaces_dir / self._request.name,
            drive=self._request.spec.drive,
            on_excess=stop,
            is_tree=True,
        )
        runtime.watchdog.watch(self._watched)
        if runtime.groups is not None:
            self._group = runtime.groups.hold(first, limits)

    def _open(self, descriptors: list[int]) -> None:
        """Open its gateway to the internet."""
        shared, key = self._runtime.shared, self._request.spec.key
        for descriptor in descriptors:
            if self._gateway is None and shared.opens_to_internet(key.network):
                listener = socket.socket(fileno=descriptor)
                self._gateway = shared.proxy.open(listener, key.network, tenant=str(key.project_id))
                self._gateway.enter(_JOB, self._visit)
            else:
                os.close(descriptor)

    def _kill(self) -> None:
        """End all processes: in namespaces by the first process, elsewhere by its process group."""
        if self._first is not None and self._runtime.shared.is_mounted:
            self._first.kill()
        elif self._first is not None:
            self._first.signal_group(signal.SIGKILL)
        elif self._process is not None and self._process.returncode is None:
            self._process.kill()


async def _forward_output(
    stream: asyncio.StreamReader, name: str, on_output: Callable[[str, bytes], Coroutine[Any, Any, None]]
) -> None:
    while data := await stream.read(_READ_BYTES):
        await on_output(name, data)


async def _wait_gone(process: asyncio.subprocess.Process) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(_END_S):
            await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()
