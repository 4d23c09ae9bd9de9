"""The trusted side of one warm parent: starts it, keeps spares, hands out children, ends it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from . import mounts
from .broker import Broker
from .errors import EntrypointRefused, ParentLost
from .folders import JobFolders
from .inside import wire
from .inside.filters import AF_INET, AF_INET6, AF_UNIX
from .inside.plan import Plan
from .layers import Layers
from .output import Output
from .places import HostPlaces, JobPlaces, seen_from_inside
from .process import Child, NotStarted
from .spec import ParentSpec

IMPORT_S: Final = 60.0  # to start, confine itself and import the skill
_END_S: Final = 5.0  # for a killed sandbox to be gone
_MAX_SPARES: Final = 4
_BUSY_S: Final = 1.0  # two jobs within this time ask for one more spare
_READ_BYTES: Final = 1 << 16

_VARIABLES: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    # A thread pool that starts at import would forbid forking after it.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


class NotForkable(Exception):
    """The import left threads or connections behind, which a fork would break."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all warm parents of a worker process share."""

    layers: Layers
    folders: JobFolders
    ours: Path
    api_base: str


class WarmParent:
    """One sandbox with one process that has imported a skill, and the children it forks."""

    def __init__(self, spec: ParentSpec, ground: Ground, *, cold_reason: str | None) -> None:
        self.spec = spec
        self.cold_reason = cold_reason
        self.output = Output()
        self.running = 0
        self.used_at = time.monotonic()
        self.pid: int | None = None
        self.on_lost: Callable[[], None] = lambda: None
        self._ground = ground
        self._folder = ground.folders.make(spec.uid)
        self._host = HostPlaces(self._folder, spec.bundle, spec.drive, spec.key.environment, ground.ours)
        self._children: dict[int, Child] = {}
        self._spares: list[Child] = []
        self._spares_wanted = 1
        self._count = 0
        self._broker: Broker | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control, self._their_control = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        self._control.setblocking(False)
        self._told: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.is_lost = False

    @property
    def is_mounted(self) -> bool:
        """Whether it lives in mounts and namespaces of its own."""
        return self._ground.layers.bwrap is not None

    @property
    def folder(self) -> Path:
        """The folder of all of its jobs on this machine."""
        return self._folder

    async def start(self) -> None:
        """Start the sandbox and import the skill in it.

        Raises:
            EntrypointRefused: the import failed or took too long.
            NotForkable: it must be started again, importing in each child.
            ParentLost: it ended before it was ready.
        """
        places = seen_from_inside(self._host, mounted=self.is_mounted)
        await self._launch(places)
        try:
            async with asyncio.timeout(IMPORT_S):
                told = await self._told
        except TimeoutError:
            raise EntrypointRefused(
                f"Importing the skill did not end within {IMPORT_S:.0f} s: do long work inside the function."
            ) from None
        self._judge(told)
        self._fork_spares()

    async def take(self, within_s: float) -> Child:
        """A child that waits for its job.

        Raises:
            ParentLost: the parent, or the child, ended first.
        """
        now = time.monotonic()
        if now - self.used_at < _BUSY_S and not any(child.ready.done() for child in self._spares):
            self._spares_wanted = min(_MAX_SPARES, self._spares_wanted + 1)
        self.used_at = now
        child = self._spares.pop(0) if self._spares else self._fork()
        asyncio.get_running_loop().call_soon(self._fork_spares)
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(child.ready)
        except NotStarted:
            self.release(child)
            raise ParentLost("The process of the job ended before the job began.") from None
        except TimeoutError:
            self.release(child)
            raise EntrypointRefused(f"Importing the skill did not end within {within_s:.0f} s.") from None
        except asyncio.CancelledError:
            self.release(child)
            raise
        return child

    def release(self, child: Child) -> None:
        """End a child and everything that it started, and remove its folder."""
        self._children.pop(child.number, None)
        is_honest = child.kill()
        child.close()
        self._ground.folders.remove_soon(self._folder / str(child.number))
        if not is_honest:
            self.stop()

    def admit(self, token: str) -> None:
        """Let the broker pass requests that carry this token."""
        if self._broker is not None:
            self._broker.tokens.add(token)

    def dismiss(self, token: str) -> None:
        """Have the broker refuse the token of a job that has ended."""
        if self._broker is not None:
            self._broker.tokens.discard(token)

    def tidy(self) -> None:
        """Have what ended jobs left in shared memory removed."""
        if not self.is_lost and self.is_mounted:
            with suppress(OSError):
                wire.send(self._control, {"type": "tidy"})

    def stop(self) -> None:
        """End the sandbox with all of its processes, at once."""
        self._lose()

    async def wait(self) -> None:
        """Wait until its processes are gone and collected."""
        if self._process is None:
            return
        try:
            await asyncio.to_thread(self._process.wait, _END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def _launch(self, places: JobPlaces) -> None:
        loop = asyncio.get_running_loop()
        ours, plan_end = socket.socketpair()
        ours.setblocking(False)
        stdout, stdout_end = os.pipe()
        stderr, stderr_end = os.pipe()
        command = self._command(places)
        if hasattr(socket, "SO_PASSCRED"):
            self._control.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        try:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - a fork, which takes less than handing it to a thread
                command.argv,
                stdin=plan_end.fileno(),
                stdout=stdout_end,
                stderr=stderr_end,
                pass_fds=[*command.descriptors, self._their_control.fileno()],
                env={} if self.is_mounted else {"PATH": _VARIABLES["PATH"], "LANG": _VARIABLES["LANG"]},
                cwd="/",
            )
        except OSError as error:
            ours.close()
            os.close(stdout)
            os.close(stderr)
            raise ParentLost(f"The sandbox cannot be started: {error}.") from None
        finally:
            command.close()
            plan_end.close()
            self._their_control.close()
            os.close(stdout_end)
            os.close(stderr_end)
        loop.add_reader(self._control, self._on_control)
        for descriptor, stream in ((stdout, "stdout"), (stderr, "stderr")):
            os.set_blocking(descriptor, False)
            loop.add_reader(descriptor, self._on_text, descriptor, stream)
        with suppress(OSError), ours:
            await loop.sock_sendall(ours, json.dumps(asdict(self._plan(places))).encode())

    def _command(self, places: JobPlaces) -> mounts.Command:
        code = (
            f"import sys; sys.path.insert(0, {places.kit!r}); from puras_inside import parent; del sys.path[0]; "
            f"parent.main({self._their_control.fileno()})"
        )
        program = [places.python, "-I", "-S", "-B", "-c", code]
        bwrap = self._ground.layers.bwrap
        if bwrap is None:
            return mounts.Command(program, [])
        uid = self.spec.uid if self.spec.uid is not None else os.getuid()
        return mounts.command(bwrap, self._host, uid=uid, as_root=os.geteuid() == 0, program=program)

    def _plan(self, places: JobPlaces) -> Plan:
        layers = self._ground.layers
        project = str(self.spec.key.project_id)
        own = dict(_VARIABLES)
        if self.spec.key.environment is not None:
            own["PATH"] = f"{Path(places.python).parent}:{own['PATH']}"
        if not layers.confines:
            own["PURAS_API_BASE"] = self._ground.api_base
        return Plan(
            skill_dir=self.spec.entrypoint.skill_dir.strip("/"),
            file=self.spec.entrypoint.file,
            function=self.spec.entrypoint.function,
            declared_inputs=sorted(self.spec.declared_inputs),
            jobs=places.jobs,
            deployment=places.deployment,
            drive=places.drive,
            kit=places.kit,
            environment={
                **self.spec.variables,
                **own,
                "PURAS_WORKSPACE_ID": project,
                "PURAS_PROJECT_ID": project,
            },
            readable=places.readable,
            writable=places.writable,
            uid=self.spec.uid if os.geteuid() == 0 and layers.confines else None,
            has_site=self.spec.key.environment is not None,
            cold=self.cold_reason is not None,
            landlock=layers.landlock_abi > 0,
            seccomp=layers.seccomp,
            families=[AF_UNIX, AF_INET, AF_INET6] if self.is_mounted else [],
            namespaced=self.is_mounted,
        )

    def _judge(self, told: dict[str, Any]) -> None:
        kind = told.get("type")
        if kind == "refused":
            raise EntrypointRefused(str(told.get("message")), str(told.get("trace", "")))
        if kind == "not_forkable":
            raise NotForkable(_why_not_forkable(told))
        if kind != "ready":
            raise ParentLost("The skill's sandbox ended while it started.")

    def _fork_spares(self) -> None:
        with suppress(ParentLost):
            while not self.is_lost and len(self._spares) < self._spares_wanted:
                self._spares.append(self._fork())

    def _fork(self) -> Child:
        if self.is_lost:
            raise ParentLost("The skill's warm parent process has ended.")
        self._count += 1
        child = Child(self._count)
        self._children[child.number] = child
        try:
            child.hand_over(self._control)
        except OSError:
            child.lost()
            self.release(child)
            raise ParentLost("The skill's warm parent process takes no more jobs.") from None
        return child

    def _on_control(self) -> None:
        try:
            message = wire.receive(self._control, max_descriptors=1)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        if message.closed:
            self._lose()
            return
        if message.pid is not None and self.pid is None:
            self.pid = message.pid
        self._heed(message.body, message.descriptors)

    def _heed(self, body: dict[str, Any], descriptors: list[int]) -> None:
        """Take in one message. The sender may lie: at worst it hurts its own jobs."""
        kind = body.get("type")
        if kind == "broker" and descriptors and self._broker is None and not self._told.done():
            self._broker = Broker(socket.socket(fileno=descriptors.pop()), self._ground.api_base)
        for descriptor in descriptors:
            os.close(descriptor)
        child = self._children.get(body["id"]) if isinstance(body.get("id"), int) else None
        if kind == "exit" and child is not None and isinstance(body.get("status"), int):
            child.exited(body["status"])
        elif kind == "not_forked" and child is not None:
            child.lost()
        elif kind in ("ready", "refused", "not_forkable") and not self._told.done():
            self._told.set_result(body)

    def _on_text(self, descriptor: int, stream: str) -> None:
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self.output.text(stream, data)
        else:
            asyncio.get_running_loop().remove_reader(descriptor)
            os.close(descriptor)

    def _lose(self) -> None:
        """It is gone: every child with it."""
        if self.is_lost:
            return
        self.is_lost = True
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()
        if self._broker is not None:
            self._broker.close()
        if not self._told.done():
            self._told.set_result({"type": "lost"})
        for spare in self._spares:
            self.release(spare)
        self._spares.clear()
        for child in list(self._children.values()):
            child.lost()
        self._ground.folders.remove_soon(self._folder)
        self._kill()
        self.on_lost()

    def _kill(self) -> None:
        """End process 1 of the namespaces, and so all others; bubblewrap collects it and ends by itself."""
        if self._process is None or self._process.poll() is not None:
            return
        if self.pid is None:
            self._process.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)


def _why_not_forkable(told: dict[str, Any]) -> str:
    threads, sockets = told.get("threads"), told.get("sockets")
    parts = [
        f"{count} {word}"
        for count, word in ((threads, "threads"), (sockets, "open connections"))
        if isinstance(count, int) and count
    ]
    return f"importing the skill left {' and '.join(parts) or 'something'} behind, so that every job imports it anew"
