"""Manage the worker's side of one gateway."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol

from backend.core.metrics.instruments import NETWORK_BYTES
from workers.sandbox.egress.network_use import NetworkUse

_COUNT_S: Final = 2.0  # for the counts of a job that has ended
_MAX_EARLY_REFUSALS: Final = 20  # refusals that arrive while no job runs, as during an import
_COUNTS: Final = ("connections", "refused", "sent_bytes", "received_bytes")


class ControlChannel(Protocol):
    """The connection to the process that serves the gateway."""

    def send(self, body: dict[str, Any]) -> None:
        """Send the process a message."""

    def receive(self) -> None:
        """Handle the messages that the process has sent so far."""

    def forget(self, gateway: GatewayHandle) -> None:
        """Stop serving a gateway."""


class GatewayHandle:
    """The worker's side of one gateway: keeps the socket for a new proxy process, and knows the jobs in the sandbox."""

    def __init__(
        self,
        channel: ControlChannel,
        number: int,
        listener: socket.socket,
        network: str | Sequence[str],
        tenant: str,
    ) -> None:
        self.number = number
        self.listener = listener
        self.network = network
        self.tenant = tenant
        self._channel = channel
        self._network_uses: dict[int, NetworkUse] = {}
        self._early_refusals: list[dict[str, Any]] = []
        self._counts: dict[int, asyncio.Future[dict[str, int] | None]] = {}
        self._is_closed = False

    def enter(self, job: int, network_use: NetworkUse) -> None:
        """Record that a job with this number starts.

        Rejections from before the first job are recorded in it.
        """
        for other in self._network_uses.values():
            other.is_alone = network_use.is_alone = False
        self._network_uses[job] = network_use
        for fields in self._early_refusals:
            network_use.refused(fields)
        self._early_refusals.clear()

    def leave(self, job: int) -> None:
        """Record that a job has ended.

        The proxy reports a rejection before it responds, so all of them are known.
        """
        self._channel.receive()
        self._network_uses.pop(job, None)

    async def record_traffic(self, job: int, network_use: NetworkUse) -> None:
        """Record how much a job used the network, if it did."""
        if not network_use.is_used or self._is_closed:
            return
        counted = asyncio.get_running_loop().create_future()
        self._counts[job] = counted
        request = {"job": job, "alone": network_use.is_alone, "last": not self._network_uses}
        self._channel.send({"type": "count", "gateway": self.number, **request})
        try:
            async with asyncio.timeout(_COUNT_S):
                fields = await counted
                if fields is not None:
                    network_use.counted(fields)
        except TimeoutError:
            pass  # the result of the job does not wait longer for its counts
        finally:
            self._counts.pop(job, None)

    def handle(self, body: dict[str, Any]) -> None:
        """Handle one message of the process."""
        kind, job = body.get("type"), body.get("job")
        if kind == "counted" and (counted := self._counts.get(job or 0)) is not None and not counted.done():
            NETWORK_BYTES.labels("sent").inc(body["sent_bytes"])
            NETWORK_BYTES.labels("received").inc(body["received_bytes"])
            counted.set_result({name: int(body[name]) for name in _COUNTS})
        elif kind == "opened":
            for network_use in self._uses_of(job):
                network_use.is_used = True
        elif kind == "refused":
            self._refused(job, {name: body[name] for name in ("host", "port", "reason", "message")})

    def fail_counts(self) -> None:
        """End the requests for counts: the process has ended, and its counts are lost."""
        for counted in self._counts.values():
            if not counted.done():
                counted.set_result(None)

    def close(self) -> None:
        """End all connections of the sandbox, and accept no more."""
        if self._is_closed:
            return
        self._is_closed = True
        self._channel.forget(self)
        self.listener.close()
        self.fail_counts()

    def _refused(self, job: int | None, fields: dict[str, Any]) -> None:
        network_uses = self._uses_of(job)
        if job is None and not network_uses and len(self._early_refusals) < _MAX_EARLY_REFUSALS:
            self._early_refusals.append(fields)
        for network_use in network_uses:
            network_use.refused(fields)

    def _uses_of(self, job: int | None) -> list[NetworkUse]:
        """Return the jobs that a request may belong to: all, if its client was created during the import."""
        if job is None:
            return list(self._network_uses.values())
        return [self._network_uses[job]] if job in self._network_uses else []
