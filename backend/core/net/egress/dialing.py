"""From a name to a connection: resolved once, vetted, and the vetted address dialled, never the name again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal, NamedTuple

from backend.core.net.egress.refusals import Failed, Refused
from backend.core.net.egress.rules import Target
from backend.core.net.public_addresses import obstacle_to

_RESOLVE_S: Final = 8.0
_CONNECT_S: Final = 6.0  # to one address
_MAX_ADDRESSES: Final = 4  # of one name that are tried
MAX_LOOKUPS: Final = 128
"""At once, of one process: each holds a thread."""
LOOKUPS_PER_TENANT: Final = 8
READ_AHEAD_BYTES: Final = 32 * 1024

Resolve = Callable[[str, int], Awaitable[list[str]]]
Vet = Callable[[str], Literal["address_not_public", "own_address"] | None]

_WHY: Final = {
    "address_not_public": "is not at a public address, and jobs reach the public internet alone",
    "own_address": "is the machine that runs the job, which jobs reach through the kit alone",
}

_threads: Final = ThreadPoolExecutor(MAX_LOOKUPS, "resolve")


class Streams(NamedTuple):
    """A connection to the other side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Dialer:
    """Connects one sandbox to the internet. Tests give it a world of their own; nothing else can."""

    def __init__(
        self,
        resolve: Resolve | None = None,
        vet: Vet = obstacle_to,
        *,
        lookups: asyncio.Semaphore | None = None,
    ) -> None:
        self._resolve = resolve or resolve_by_system
        self._obstacle_to = vet
        self._lookups = lookups or asyncio.Semaphore(LOOKUPS_PER_TENANT)
        self._asked: set[asyncio.Task[list[str]]] = set()

    def screen(self, target: Target) -> None:
        """Let a target pass that some list of hosts could name.

        Raises:
            Refused: it is an address, or a name, that no public host has.
        """
        if target.is_address:
            self._vet(target, target.host)
        elif "." not in target.host:
            raise Refused(
                "address_not_public",
                f"{target.host} is a name of this machine or its own network, and jobs reach the public internet alone",
            )

    async def dial(self, target: Target) -> Streams:
        """A connection to a public address of the target.

        Raises:
            Refused: an address of it is not public.
            Failed: it has none, or none answers.
        """
        for address in (await self.addresses_of(target))[:_MAX_ADDRESSES]:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    return Streams(
                        *await asyncio.open_connection(address, target.port, limit=READ_AHEAD_BYTES)
                    )
            except (OSError, TimeoutError):
                continue
        raise Failed(
            502, f"{target.host} does not answer on port {target.port}: it may be down, try again later"
        )

    async def addresses_of(self, target: Target) -> list[str]:
        """The addresses of the target, all of them public.

        Raises:
            Refused: one of them is not.
            Failed: it has none.
        """
        addresses = [target.host] if target.is_address else await self._resolved(target)
        for address in addresses:
            self._vet(target, address)
        return addresses

    async def _resolved(self, target: Target) -> list[str]:
        task = asyncio.create_task(self._look_up(target))
        self._asked.add(task)
        task.add_done_callback(self._forget)
        try:
            # Shielded: a thread that asks cannot be called back, and keeps its place until it is free.
            async with asyncio.timeout(_RESOLVE_S):
                addresses = await asyncio.shield(task)
        except TimeoutError:
            raise Failed(
                504, f"the addresses of {target.host} were not found within {_RESOLVE_S:.0f} s"
            ) from None
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise Failed(
                    504, f"the name servers of {target.host} do not answer: try again later"
                ) from None
            raise Failed(502, f"{target.host} has no address: check its spelling") from None
        except (OSError, UnicodeError):
            raise Failed(502, f"{target.host} cannot be resolved") from None
        if not addresses:
            raise Failed(502, f"{target.host} has no address: check its spelling")
        return addresses

    def _forget(self, task: asyncio.Task[list[str]]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # whoever asked has been told, or has gone

    async def _look_up(self, target: Target) -> list[str]:
        async with self._lookups:
            return await self._resolve(target.host, target.port)

    def _vet(self, target: Target, address: str) -> None:
        reason = self._obstacle_to(address)
        if reason is not None:
            raise Refused(reason, f"{target.host} {_WHY[reason]}")


async def resolve_by_system(host: str, port: int) -> list[str]:
    """The addresses that the system's resolver knows."""

    def ask() -> list[str]:
        # With the dot the name stands for itself, whatever the machine's search list is.
        found = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(place[4][0]) for place in found))

    return await asyncio.get_running_loop().run_in_executor(_threads, ask)
