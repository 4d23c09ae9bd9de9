"""Manage the worker's side of the proxy.

Start its process, open gateways, receive rejections, and replace it when it ends.
"""

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
from backend.core.metrics.instruments import NETWORK_REFUSED, PROXY_EXITS
from backend.core.net.egress.rules import Rule
from workers.sandbox.egress.gateway_handle import GatewayHandle
from workers.sandbox.guest import wire
from workers.sandbox.isolation.paths import KIT

_ROOT: Final = Path(__file__).resolve().parents[3]
_RESTART_S: Final = 0.2  # before a process that died is replaced, longer each time
_MAX_RESTART_S: Final = 5.0
_MAX_UNSENT: Final = 5000  # messages that wait while the process is busy
_STEADY_S: Final = 60.0  # a process that ran this long is replaced immediately
_END_S: Final = 5.0
_STDERR_BYTES: Final = 2000
# A name server that does not respond is abandoned after a few seconds, or its threads would be exhausted.
_VARIABLES: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "RES_OPTIONS": "timeout:2 attempts:2"}

log = logs.get(__name__)


class _Unsent(NamedTuple):
    body: dict[str, Any]
    descriptors: list[int]

    def close(self) -> None:
        """Close this side's copies."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Proxy:
    """All gateways of one worker process."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self._gateways: dict[int, GatewayHandle] = {}
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._deaths = 0  # one soon after the other
        self._started_at = 0.0
        self._unsent: deque[_Unsent] = deque()
        self._starting: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def gateways(self) -> int:
        """The number of sandboxes that are served now."""
        return len(self._gateways)

    def open(self, listener: socket.socket, network: str | Sequence[str], *, tenant: str) -> GatewayHandle:
        """Serve a socket that was created inside a sandbox, under the rule of its skill.

        Raises:
            ValueError: an entry of the list is not a host.
        """
        Rule.of(network)
        gateway = GatewayHandle(self, next(self._numbers), listener, network, tenant)
        self._gateways[gateway.number] = gateway
        if self._control is None:
            self._start()  # which opens them all
        else:
            self._send_open(gateway)
        return gateway

    def forget(self, gateway: GatewayHandle) -> None:
        """Stop serving a gateway."""
        if self._gateways.pop(gateway.number, None) is not None:
            self.send({"type": "close", "gateway": gateway.number})

    def send(self, body: dict[str, Any], descriptors: list[int] | None = None) -> None:
        """Send the process a message, now or when it can receive; one that receives nothing any more is replaced."""
        if self._control is None:
            return
        copies = [os.dup(descriptor) for descriptor in descriptors or ()]
        self._unsent.append(_Unsent(body, copies))
        if len(self._unsent) == 1:
            self._send_all()
        elif len(self._unsent) > _MAX_UNSENT:
            self._on_process_lost()

    def _send_all(self) -> None:
        while self._unsent and self._control is not None:
            loop, message = asyncio.get_running_loop(), self._unsent[0]
            try:
                wire.send(self._control, message.body, message.descriptors)
            except BlockingIOError:
                loop.add_writer(self._control, self._send_all)
                return
            except OSError:
                self._on_process_lost()
                return
            self._unsent.popleft().close()
            loop.remove_writer(self._control)

    def receive(self) -> None:
        """Handle the messages that the process has sent so far."""
        while self._control is not None:
            try:
                message = wire.receive(self._control)
            except BlockingIOError:
                return
            except OSError:
                self._on_process_lost()
                return
            if message.closed:
                self._on_process_lost()
                return
            self._handle(message.body)

    async def close(self) -> None:
        """End the process and wait until it has exited."""
        self._is_closed = True
        if self._starting is not None:
            self._starting.cancel()
        for gateway in list(self._gateways.values()):
            gateway.close()
        process = self._process
        self._release()
        if process is not None:
            await asyncio.to_thread(_collect, process)

    def _start(self) -> None:
        self._starting = None
        if self._is_closed or self._control is not None or not self._gateways:
            return
        control, peer = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
        control.setblocking(False)
        code = (
            f"import sys; sys.path[:0] = {[str(_ROOT), str(KIT.parent)]!r}; from workers.sandbox.egress import server; "
            f"server.main({peer.fileno()})"
        )
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=[peer.fileno()],
                env=_VARIABLES,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            control.close()
            log.warning("egress proxy cannot be started; retrying", error=str(error))
            self._schedule_start()
            return
        finally:
            peer.close()
        self.pid, self._control, self._started_at = self._process.pid, control, time.monotonic()
        asyncio.get_running_loop().add_reader(control, self.receive)
        for gateway in list(self._gateways.values()):
            self._send_open(gateway)

    def _send_open(self, gateway: GatewayHandle) -> None:
        network = gateway.network if isinstance(gateway.network, str) else list(gateway.network)
        body = {"type": "open", "gateway": gateway.number, "network": network, "tenant": gateway.tenant}
        self.send(body, [gateway.listener.fileno()])

    def _handle(self, body: dict[str, Any]) -> None:
        kind, gateway = body.get("type"), self._gateways.get(body.get("gateway", 0))
        if kind == "fault":
            log.warning("error in the egress proxy", error=body.get("text"))
        elif kind == "refused":
            NETWORK_REFUSED.labels(body["reason"]).inc()
        if gateway is not None:
            gateway.handle(body)

    def _on_process_lost(self) -> None:
        """Replace the process after it ended; jobs continue, but their open connections are lost."""
        process = self._process
        self._release()
        for gateway in self._gateways.values():
            gateway.fail_counts()
        if self._is_closed or process is None:
            return
        process.kill()
        stderr = asyncio.get_running_loop().run_in_executor(None, _collect, process)
        stderr.add_done_callback(lambda task: log.warning("egress proxy ended", stderr=task.result()))
        PROXY_EXITS.inc()
        if time.monotonic() - self._started_at > _STEADY_S:
            self._deaths = 0
        self._schedule_start()

    def _schedule_start(self) -> None:
        self._deaths += 1
        wait_s = min(_MAX_RESTART_S, _RESTART_S * 2 ** min(self._deaths - 1, 10))
        self._starting = asyncio.get_running_loop().call_later(wait_s, self._start)

    def _release(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control)
            asyncio.get_running_loop().remove_writer(self._control)
            self._control.close()
        while self._unsent:
            self._unsent.popleft().close()
        self._control = self._process = self.pid = None


def _collect(process: subprocess.Popen[bytes]) -> str:
    """Wait for the end of a process and return the end of its standard error."""
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
