"""The two doors out of one sandbox: to our own API, and to the internet where its skill has a network."""

from __future__ import annotations

import socket
from collections import Counter

from workers.sandbox.egress.gateway_handle import Doorway
from workers.sandbox.egress.network_use import NetworkUse

from .broker import Broker
from .launch import Ground
from .process import Child
from .spec import ParentKey


class Gateways:
    """Sockets made inside the sandbox and handed out: each is taken once, before any code of the tenant's ran."""

    def __init__(self, ground: Ground, key: ParentKey) -> None:
        self._ground = ground
        self._key = key
        self._broker: Broker | None = None
        self._doorway: Doorway | None = None
        self._holders: Counter[str] = Counter()

    def take(self, kind: object, descriptors: list[int]) -> None:
        """Open the door that a message brings; a descriptor that is none stays in the list.

        Raises:
            ValueError: the skill's list of hosts cannot be one.
        """
        if not descriptors:
            return
        if kind == "broker" and self._broker is None:
            self._broker = Broker(socket.socket(fileno=descriptors.pop()), self._ground.api_base)
        elif kind == "egress" and self._doorway is None and self._ground.opens_to_internet(self._key.network):
            self._open_to_internet(socket.socket(fileno=descriptors.pop()))

    def admit(self, child: Child, token: str, visit: NetworkUse) -> None:
        """Let the broker pass requests that carry this token, and have the job told what the proxy refuses to it."""
        if self._broker is not None:
            self._broker.tokens.add(token)
            self._holders[token] += 1
        if self._doorway is not None:
            self._doorway.enter(child.number, visit)

    def dismiss(self, child: Child, token: str) -> None:
        """Have the broker refuse the token of a job that has ended; of an agent several calls may hold the same."""
        self._holders[token] -= 1
        if self._holders[token] <= 0:
            del self._holders[token]
            if self._broker is not None:
                self._broker.tokens.discard(token)
        if self._doorway is not None:
            self._doorway.leave(child.number)

    async def tell_traffic(self, child: Child, visit: NetworkUse) -> None:
        """Have a job that has ended be told how much it used the network, if it did."""
        if self._doorway is not None:
            await self._doorway.tell(child.number, visit)

    def close(self) -> None:
        """Shut both, and what goes through them."""
        if self._broker is not None:
            self._broker.close()
        if self._doorway is not None:
            self._doorway.close()

    def _open_to_internet(self, listener: socket.socket) -> None:
        try:
            self._doorway = self._ground.proxy.open(
                listener, self._key.network, tenant=str(self._key.project_id)
            )
        except ValueError:
            listener.close()
            raise
