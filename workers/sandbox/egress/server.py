"""Run the process of the proxy.

`main(descriptor)` with its control socket, on which a worker sends gateways to serve.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import platform
import resource
import socket
import sys
import time
import traceback
from contextlib import suppress
from typing import Any, Final
from weakref import WeakValueDictionary

from backend.core.net.egress.connector import LOOKUPS_PER_TENANT, Connector
from backend.core.net.egress.rules import Rule
from workers.sandbox.egress.gateway import MAX_CONNECTIONS_PER_GATEWAY, Gateway
from workers.sandbox.guest import confine, filters, privileges, wire
from workers.sandbox.guest.syscalls import ARCHITECTURES

_UNPRIVILEGED_UID: Final = 65534
_MAX_MEMORY_BYTES: Final = 2 << 30
_MAX_OPEN_FILES: Final = 65_536
_RESERVED_FILES: Final = 256  # for gateways, lookups, the interpreter
_MIN_CONNECTIONS_PER_GATEWAY: Final = 8
_PRELOADED: Final = ("encodings.idna", "linecache")  # since this user may not be able to read them later
_FAULTS_EVERY_S: Final = 1.0  # a job that causes faults must not flood the log


def main(control_fd: int) -> None:
    """Serve gateways until the worker closes the control socket."""
    for name in _PRELOADED:
        importlib.import_module(name)
    _confine()
    with suppress(KeyboardInterrupt):
        asyncio.run(_Server(socket.socket(fileno=control_fd)).run())


class _Server:
    """The gateways of one worker process."""

    def __init__(self, control: socket.socket) -> None:
        control.setblocking(False)
        self._control = control
        self._gateways: dict[int, Gateway] = {}
        self._ended = asyncio.Event()
        self._fault_reported_at = -math.inf
        self._lookups: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._opening_tasks: set[asyncio.Task[None]] = set()
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._max_connections = max(0, files - _RESERVED_FILES) // 3  # two for the upstream, one for the job

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self._report_fault(context))
        loop.add_reader(self._control, self._listen)
        await self._ended.wait()
        for gateway in self._gateways.values():
            gateway.close()

    def _listen(self) -> None:
        while True:
            try:
                message = wire.receive(self._control, max_descriptors=1)
            except BlockingIOError:
                return
            except OSError:
                self._ended.set()
                return
            if message.closed:
                self._ended.set()
                return
            self._handle(message.body, message.descriptors)

    def _handle(self, body: dict[str, Any], descriptors: list[int]) -> None:
        kind, number = body.get("type"), int(body.get("gateway", 0))
        if kind == "open" and descriptors:
            listener = socket.socket(fileno=descriptors.pop())
            listener.setblocking(False)
            connector = Connector(lookups=self._lookups_of(str(body["tenant"])))
            rule = Rule.of(body["network"])
            gateway = Gateway(
                number, rule, self._send, connector=connector, max_connections=self._connections_per_gateway
            )
            self._gateways[number] = gateway
            opening = asyncio.get_running_loop().create_task(gateway.open(listener))
            self._opening_tasks.add(opening)
            opening.add_done_callback(self._opening_tasks.discard)
        elif kind == "close" and number in self._gateways:
            self._gateways.pop(number).close()
        elif kind == "count" and number in self._gateways:
            self._gateways[number].traffic.close(
                int(body["job"]), alone=bool(body["alone"]), last=bool(body["last"])
            )
        for descriptor in descriptors:
            os.close(descriptor)

    def _lookups_of(self, tenant: str) -> asyncio.Semaphore:
        """Return the limit of concurrent name lookups of a tenant; each lookup occupies a thread."""
        lookups = self._lookups.get(tenant)
        if lookups is None:
            lookups = self._lookups[tenant] = asyncio.Semaphore(LOOKUPS_PER_TENANT)
        return lookups

    def _connections_per_gateway(self) -> int:
        """Return the connection limit of one gateway: many gateways share the descriptors of this process."""
        share = self._max_connections // max(1, len(self._gateways))
        return max(_MIN_CONNECTIONS_PER_GATEWAY, min(MAX_CONNECTIONS_PER_GATEWAY, share))

    def _send(self, body: dict[str, Any]) -> None:
        with suppress(OSError):  # a worker that does not read misses messages, and no connection waits for it
            wire.send(self._control, body)

    def _report_fault(self, context: dict[str, Any]) -> None:
        now = time.monotonic()
        if now - self._fault_reported_at < _FAULTS_EVERY_S:
            return
        self._fault_reported_at = now
        error = context.get("exception")
        frames = traceback.extract_tb(error.__traceback__)[-1:] if error is not None else []
        location = f"{os.path.basename(frames[0].filename)}:{frames[0].lineno}" if frames else "?"  # noqa: PTH119
        self._send(
            {"type": "fault", "text": f"{context.get('message')}: {type(error).__name__} at {location}"[:500]}
        )


def _confine() -> None:
    """Drop all privileges that a proxy does not need."""
    if os.geteuid() == 0:
        privileges.become(_UNPRIVILEGED_UID)
    privileges.die_with_parent()
    privileges.set_dumpable(False)
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    max_files = _MAX_OPEN_FILES if files == resource.RLIM_INFINITY else min(files, _MAX_OPEN_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max_files, max_files))
    confine.limit({"CORE": 0, "DATA": _MAX_MEMORY_BYTES})
    architecture = ARCHITECTURES.get(platform.machine())
    if architecture is not None:
        families = [filters.AF_UNIX, filters.AF_INET, filters.AF_INET6]
        confine.seccomp(filters.confinement(architecture, families, datagrams=True))


if __name__ == "__main__":
    main(int(sys.argv[1]))
