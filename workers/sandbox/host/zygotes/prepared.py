"""Keep one sandbox ready, which gets the folders of a project when a job needs it.

Namespaces, mounts of the system and the start of an interpreter take most of the time of the first job of a skill, and
depend on no project.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from backend.core import background_tasks, logs
from backend.core.metrics.instruments import PREPARED_SANDBOXES
from workers.sandbox.guest import wire
from workers.sandbox.host.messages import next_message
from workers.sandbox.isolation import mounts
from workers.sandbox.isolation.layers import Layers
from workers.sandbox.isolation.mounts import HostFolder
from workers.sandbox.isolation.paths import BASE_PYTHON, INSIDE_PACKAGES, RUNTIME, HostPaths, start_code
from workers.sandbox.isolation.process_ids import Process, open_below_first

from .errors import ZygoteLost
from .start import Launched, start

_START_S: Final = 10.0
_ASSIGN_S: Final = 2.0
_PAUSE_S: Final = 0.1
"""Before the next sandbox is prepared, so that this does not slow the job for which the last one is used."""
_PAUSE_AFTER_FAILURE_S: Final = 60.0

log = logs.get(__name__)


class NotPrepared(Exception):
    """The sandbox did not start, or did not get its folders."""


_FAILURES: Final = (NotPrepared, ZygoteLost, OSError, TimeoutError)


class Assigned(NamedTuple):
    """A started sandbox that has the folders of one project, and waits for its plan."""

    launched: Launched
    process: Process
    """The process that will be the zygote."""


class _Prepared:
    """A started sandbox that has the folders of all projects, and the process outside of it that can change that."""

    def __init__(self, launched: Launched, folders: Mapping[str, HostFolder]) -> None:
        self.launched = launched
        self.folders = folders
        self.process: Process | None = None
        self._mounter: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    async def wait_until_ready(self) -> None:
        """Wait until both processes have started.

        Raises:
            NotPrepared: one of them ended, or may not do what it has to do on this host.
        """
        message = await next_message(self.launched.control)
        self.process = open_below_first(message.pid, self.launched.process.pid)
        if self.process is None:
            raise NotPrepared("it ended while it started")
        self._control, peer = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        self._control.setblocking(False)
        with peer:
            self._mounter = _start_mounter(peer.fileno())
        await self._request({"pid": self.process.pid}, expected="joined")
        if not self.process.is_there:  # another process may have got its number
            raise NotPrepared("it ended while it waited")

    async def assign(self, to_mount: list[tuple[str, str]], uid: int) -> Assigned:
        """Replace the folders of all projects by those of one, and wait until the process that did so runs no more.

        Raises:
            NotPrepared: that is not possible.
        """
        if self.process is None or not self.process.is_there:
            raise NotPrepared("it ended while it waited")
        await self._request({"mounts": to_mount, "files": mounts.late_files(uid)}, expected="mounted")
        assert self._control is not None  # noqa: S101 - it was used just now
        with suppress(ConnectionResetError):
            await next_message(self._control)  # none follows: the other end is closed
        return Assigned(self.launched, self.process)

    async def end_mounter(self) -> None:
        """End the process outside of the sandbox."""
        if self._control is not None:
            self._control.close()
        if self._mounter is not None:
            self._mounter.kill()
            await asyncio.to_thread(self._mounter.wait)

    async def close(self) -> None:
        """End all processes."""
        if self.process is not None:
            self.process.kill()
            self.process.close()
        else:
            self.launched.kill()
        self.launched.close()
        await self.end_mounter()
        await self.launched.wait()

    async def _request(self, body: dict[str, Any], *, expected: str) -> None:
        assert self._control is not None  # noqa: S101 - its process has started
        try:
            wire.send(self._control, body)
            answer = (await next_message(self._control)).body
        except OSError:
            answer = {}
        if answer.get("type") != expected:
            raise NotPrepared(answer.get("message", "the process that mounts its folders ended"))


class PreparedSandboxes:
    """Keeps one prepared sandbox ready, once it is requested to."""

    def __init__(self, layers: Layers, folders: Mapping[str, HostFolder]) -> None:
        """Prepare nothing yet.

        Args:
            layers: The layers that confine jobs on this host.
            folders: Folders that contain those of projects, by any names.
        """
        self._layers = layers
        self._folders = dict(folders)
        self._ready: _Prepared | None = None
        self._is_used = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()

    def add_folder(self, name: str, folder: HostFolder) -> None:
        """Add another folder to the sandboxes that are prepared from now on."""
        self._folders[name] = folder

    def keep_ready(self) -> None:
        """Prepare a sandbox soon, and another one whenever one is used."""
        if self._layers.bwrap is not None and self._keeping is None:
            self._keeping = asyncio.get_running_loop().create_task(self._keep_ready(), name="sandboxes")

    async def prepare(self) -> None:
        """Prepare a sandbox unless there is one.

        Raises:
            NotPrepared: it did not start, or this host does not permit it.
        """
        bwrap = self._layers.bubblewrap
        if self._ready is not None or bwrap is None:
            return
        folders = dict(self._folders)

        def command(program: list[str]) -> mounts.Command:
            return mounts.prepared_command(bwrap, folders, as_root=os.geteuid() == 0, program=program)

        prepared = None
        try:
            for folder in folders.values():  # the first bundle or environment would create it later
                folder.path.mkdir(parents=True, exist_ok=True)
            prepared = _Prepared(start(command, folder=INSIDE_PACKAGES, mounted=True), folders)
            async with asyncio.timeout(_START_S):
                await prepared.wait_until_ready()
        except BaseException as error:
            if prepared is not None:
                self._do(prepared.close())
            if isinstance(error, _FAILURES):
                PREPARED_SANDBOXES.labels("failed").inc()
                raise NotPrepared(str(error) or "it took too long") from error
            raise
        self._ready = prepared

    async def take(self, host: HostPaths, uid: int) -> Assigned | None:
        """Return the prepared sandbox with these folders and no others; none if there is none that can have them."""
        prepared = self._ready
        to_mount = None if prepared is None else mounts.late_mounts(host, prepared.folders)
        if prepared is None or to_mount is None:
            return None
        self._ready = None
        self._is_used.set()
        try:
            async with asyncio.timeout(_ASSIGN_S):
                assigned = await prepared.assign(to_mount, uid)
        except BaseException as error:
            self._do(prepared.close())
            if isinstance(error, _FAILURES):
                PREPARED_SANDBOXES.labels("lost").inc()
                log.info("prepared sandbox not used", error=str(error) or "it took too long")
                return None
            raise
        PREPARED_SANDBOXES.labels("used").inc()
        self._do(prepared.end_mounter())
        return assigned

    async def close(self) -> None:
        """End the prepared sandbox, and prepare no more."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._ready is not None:
            self._do(self._ready.close())
            self._ready = None
        await asyncio.gather(*self._background, return_exceptions=True)

    async def _keep_ready(self) -> None:
        reported = ""
        while True:
            await asyncio.sleep(_PAUSE_S)
            with background_tasks.log_and_continue("sandboxes"):
                try:
                    await self.prepare()
                except NotPrepared as error:
                    if str(error) != reported:
                        log.info("no sandbox prepared", error=str(error))
                    reported = str(error)
            if self._ready is None:
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_S)
            else:
                await self._is_used.wait()
                self._is_used.clear()

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _start_mounter(control_fd: int) -> subprocess.Popen[bytes]:
    code = start_code(
        "late_mounts", control_fd, folder=str(RUNTIME.parent), mounted=False, package=RUNTIME.name
    )
    return subprocess.Popen(  # a fork, which takes less than handing it to a thread
        [str(BASE_PYTHON), "-I", "-S", "-B", "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[control_fd],
        env={},
        cwd="/",
        start_new_session=True,
    )
