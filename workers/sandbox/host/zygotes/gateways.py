"""Open the gateways of one sandbox: to the API, and to the internet if its skill has network access."""

from __future__ import annotations

import socket
from collections import Counter

from workers.sandbox.egress.gateway_handle import GatewayHandle
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.host.broker import Broker

from .launch import SharedResources
from .process import Child
from .spec import ZygoteKey


class Gateways:
    """Listening sockets that were created inside the sandbox; each is accepted once, before tenant code runs."""

    def __init__(self, shared: SharedResources, key: ZygoteKey) -> None:
        self._shared = shared
        self._key = key
        self._broker: Broker | None = None
        self._gateway: GatewayHandle | None = None
        self._holders: Counter[str] = Counter()

    def take(self, kind: object, descriptors: list[int]) -> None:
        """Open the gateway whose socket a message contains; other descriptors stay in the list.

        Raises:
            ValueError: an entry of the skill's list of hosts is invalid.
        """
        if not descriptors:
            return
        if kind == "broker" and self._broker is None:
            self._broker = Broker(socket.socket(fileno=descriptors.pop()), self._shared.api_base)
        elif kind == "egress" and self._gateway is None and self._shared.opens_to_internet(self._key.network):
            self._open_to_internet(socket.socket(fileno=descriptors.pop()))

    def admit(self, child: Child, token: str, network_use: NetworkUse) -> None:
        """Let the broker forward requests with this token, and record what the proxy rejects for the job."""
        if self._broker is not None:
            self._broker.tokens.add(token)
            self._holders[token] += 1
        if self._gateway is not None:
            self._gateway.enter(child.number, network_use)

    def dismiss(self, child: Child, token: str) -> None:
        """Let the broker reject the token of a job that has ended; several calls of an agent may share a token."""
        self._holders[token] -= 1
        if self._holders[token] <= 0:
            del self._holders[token]
            if self._broker is not None:
                self._broker.tokens.discard(token)
        if self._gateway is not None:
            self._gateway.leave(child.number)

    async def record_traffic(self, child: Child, network_use: NetworkUse) -> None:
        """Record how much a job that has ended used the network."""
        if self._gateway is not None:
            await self._gateway.record_traffic(child.number, network_use)

    def close(self) -> None:
        """Close both, with their connections."""
        if self._broker is not None:
            self._broker.close()
        if self._gateway is not None:
            self._gateway.close()

    def _open_to_internet(self, listener: socket.socket) -> None:
        try:
            self._gateway = self._shared.proxy.open(
                listener, self._key.network, tenant=str(self._key.project_id)
            )
        except ValueError:
            listener.close()
            raise
