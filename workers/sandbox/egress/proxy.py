"""The worker's side of the proxy: starts its process, gives it doors, hears of refusals, replaces it when it dies."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from backend.core import logs
from backend.core.metrics.instruments import NETWORK_REFUSED, PROXY_DEATHS
from backend.core.net.egress.rules import Rule
from workers.sandbox.egress.gateway_handle import Doorway
from workers.sandbox.guest import wire
from workers.sandbox.isolation.paths import KIT

_ROOT: Final = Path(__file__).resolve().parents[3]
_AGAIN_S: Final = 0.2  # before a process that died is replaced, longer each time
_MAX_AGAIN_S: Final = 5.0
_MAX_UNSENT: Final = 5000  # words that wait for a process that is busy
_STEADY_S: Final = 60.0  # a process that lived this long is replaced at once
_END_S: Final = 5.0
_STDERR_BYTES: Final = 2000
# A name server that never answers is given up after a few seconds, or its threads would be missed.
_VARIABLES: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "RES_OPTIONS": "timeout:2 attempts:2"}

log = logs.get(__name__)


class _Unsent(NamedTuple):
    body: dict[str, Any]
    descriptors: list[int]

    def close(self) -> None:
        """Let go of this side's copies."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Proxy:
    """All doors of one worker process."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self._doors: dict[int, Doorway] = {}
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._deaths = 0  # one soon after the other
        self._started_at = 0.0
        self._unsent: deque[_Unsent] = deque()
        self._starting: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def doors(self) -> int:
        """Sandboxes that are served now."""
        return len(self._doors)

    def open(self, listener: socket.socket, network: str | Sequence[str], *, tenant: str) -> Doorway:
        """Serve a socket that was made inside a sandbox, under its skill's rule.

        Raises:
            ValueError: an entry of the list is not a host.
        """
        Rule.of(network)
        doorway = Doorway(self, next(self._numbers), listener, network, tenant)
        self._doors[doorway.number] = doorway
        if self._control is None:
            self._start()  # which opens them all
        else:
            self._send_open(doorway)
        return doorway

    def forget(self, doorway: Doorway) -> None:
        """Serve a door no more."""
        if self._doors.pop(doorway.number, None) is not None:
            self.send({"type": "close", "door": doorway.number})

    def send(self, body: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Tell the process something, now or when it takes it; one that takes nothing any more is replaced."""
        if self._control is None:
            return
        held = [os.dup(descriptor) for descriptor in descriptors or ()]
        self._unsent.append(_Unsent(body, held))
        if len(self._unsent) == 1:
            self._send_all()
        elif len(self._unsent) > _MAX_UNSENT:
            self._lose()

    def _send_all(self) -> None:
        while self._unsent and self._control is not None:
            loop, message = asyncio.get_running_loop(), self._unsent[0]
            try:
                wire.send(self._control, message.body, message.descriptors)
            except BlockingIOError:
                loop.add_writer(self._control, self._send_all)
                return
            except OSError:
                self._lose()
                return
            self._unsent.popleft().close()
            loop.remove_writer(self._control)

    def hear(self) -> None:
        """Take in what the process has said until now."""
        while self._control is not None:
            try:
                message = wire.receive(self._control)
            except BlockingIOError:
                return
            except OSError:
                self._lose()
                return
            if message.closed:
                self._lose()
                return
            self._heed(message.body)

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        self._is_closed = True
        if self._starting is not None:
            self._starting.cancel()
        for doorway in list(self._doors.values()):
            doorway.close()
        process = self._process
        self._let_go()
        if process is not None:
            await asyncio.to_thread(_collect, process)

    def _start(self) -> None:
        self._starting = None
        if self._is_closed or self._control is not None or not self._doors:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        ours.setblocking(False)
        code = (
            f"import sys; sys.path[:0] = {[str(_ROOT), str(KIT.parent)]!r}; from workers.sandbox.egress import server; "
            f"server.main({theirs.fileno()})"
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=_VARIABLES,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            log.warning("the egress proxy cannot be started; trying again", error=str(error))
            self._start_soon()
            return
        finally:
            theirs.close()
        self.pid, self._control, self._started_at = self._process.pid, ours, time.monotonic()
        asyncio.get_running_loop().add_reader(ours, self.hear)
        for doorway in list(self._doors.values()):
            self._send_open(doorway)

    def _send_open(self, doorway: Doorway) -> None:
        network = doorway.network if isinstance(doorway.network, str) else list(doorway.network)
        body = {"type": "open", "door": doorway.number, "network": network, "tenant": doorway.tenant}
        self.send(body, [doorway.listener.fileno()])

    def _heed(self, body: dict[str, Any]) -> None:
        kind, doorway = body.get("type"), self._doors.get(body.get("door", 0))
        if kind == "fault":
            log.warning("fault of the egress proxy", error=body.get("text"))
        elif kind == "refused":
            NETWORK_REFUSED.labels(body["reason"]).inc()
        if doorway is not None:
            doorway.heed(body)

    def _lose(self) -> None:
        """Its process is gone, and connections of jobs with it: the jobs go on, and new connections wait a moment."""
        process = self._process
        self._let_go()
        for doorway in self._doors.values():
            doorway.unanswered()
        if self._is_closed or process is None:
            return
        process.kill()
        said = asyncio.get_running_loop().run_in_executor(None, _collect, process)
        said.add_done_callback(lambda told: log.warning("the egress proxy ended", said=told.result()))
        PROXY_DEATHS.inc()
        if time.monotonic() - self._started_at > _STEADY_S:
            self._deaths = 0
        self._start_soon()

    def _start_soon(self) -> None:
        self._deaths += 1
        wait_s = min(_MAX_AGAIN_S, _AGAIN_S * 2 ** min(self._deaths - 1, 10))
        self._starting = asyncio.get_running_loop().call_later(wait_s, self._start)

    def _let_go(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            asyncio.get_running_loop().remove_writer(self._control)
            self._control.close()
        while self._unsent:
            self._unsent.popleft().close()
        self._control = self._process = self.pid = None


def _collect(process: subprocess.Popen[bytes]) -> str:
    """Wait for the end of a process; what it said at last."""
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is None:
        return ""
    with process.stderr:
        os.set_blocking(process.stderr.fileno(), False)
        return (process.stderr.read(_STDERR_BYTES) or b"").decode(errors="replace")
