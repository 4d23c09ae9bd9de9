"""Connect to a host: resolve its name once, check the addresses, and connect to a checked address, not to the name."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Literal, NamedTuple

from backend.core.net.egress.errors import EgressDenied, EgressFailed
from backend.core.net.egress.rules import Target
from backend.core.net.public_addresses import rejection_reason

_RESOLVE_S: Final = 8.0
_CONNECT_S: Final = 6.0
"""Time to connect to one address."""
_MAX_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""
MAX_LOOKUPS: Final = 128
"""Concurrent lookups of one process: each uses a thread."""
LOOKUPS_PER_TENANT: Final = 8
READ_AHEAD_BYTES: Final = 32 * 1024

Resolve = Callable[[str, int], Awaitable[list[str]]]
AddressCheck = Callable[[str], Literal["address_not_public", "own_address"] | None]

_REASONS: Final = {
    "address_not_public": "is not at a public address, and jobs can only reach the public internet",
    "own_address": "is the host that runs the job, which jobs can only reach through the kit",
}

_threads: Final = ThreadPoolExecutor(MAX_LOOKUPS, "resolve")


class Streams(NamedTuple):
    """A connection to a host."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Connector:
    """Connects one sandbox to the internet. Only tests replace how it resolves and checks addresses."""

    def __init__(
        self,
        resolve: Resolve | None = None,
        check_address: AddressCheck = rejection_reason,
        *,
        lookups: asyncio.Semaphore | None = None,
        private_hosts: Collection[str] = (),
    ) -> None:
        """Take the operator's exceptions: `private_hosts` are `host:port` pairs whose addresses are not checked."""
        self._resolve = resolve or resolve_by_system
        self._rejection_reason = check_address
        self._lookups = lookups or asyncio.Semaphore(LOOKUPS_PER_TENANT)
        self._private_hosts = frozenset(private_hosts)
        self._pending: set[asyncio.Task[list[str]]] = set()

    def allowing(self, private_hosts: Collection[str]) -> Connector:
        """Return a connector with the same limits that also connects to these private hosts."""
        return Connector(
            self._resolve, self._rejection_reason, lookups=self._lookups, private_hosts=private_hosts
        )

    def screen(self, target: Target) -> None:
        """Check that a list of hosts could contain the target.

        Raises:
            EgressDenied: The target is an address that is not public, or a name that no public host has.
        """
        if self._is_private(target):
            return
        if target.is_address:
            self._check_address(target, target.host)
        elif "." not in target.host:
            raise EgressDenied(
                "address_not_public",
                f"{target.host} is a name of this host or its network, and jobs can only reach the public internet",
            )

    async def connect(self, target: Target) -> Streams:
        """Connect to a public address of the target, and return the connection.

        Raises:
            EgressDenied: An address of the target is not public.
            EgressFailed: It has no address, or none accepts the connection.
        """
        for address in (await self.addresses_of(target))[:_MAX_ADDRESSES]:
            try:
                async with asyncio.timeout(_CONNECT_S):
                    return Streams(
                        *await asyncio.open_connection(address, target.port, limit=READ_AHEAD_BYTES)
                    )
            except (OSError, TimeoutError):
                continue
        raise EgressFailed(502, f"{target.host} does not respond on port {target.port}: retry later")

    async def addresses_of(self, target: Target) -> list[str]:
        """Return the addresses of the target, which are all public.

        Raises:
            EgressDenied: An address is not public.
            EgressFailed: It has no address.
        """
        addresses = [target.host] if target.is_address else await self._resolved(target)
        for address in addresses:
            self._check_address(target, address)
        return addresses

    async def _resolved(self, target: Target) -> list[str]:
        task = asyncio.create_task(self._look_up(target))
        self._pending.add(task)
        task.add_done_callback(self._forget)
        try:
            # Shielded: a thread that resolves cannot be stopped, and occupies its slot until it is done.
            async with asyncio.timeout(_RESOLVE_S):
                addresses = await asyncio.shield(task)
        except TimeoutError:
            raise EgressFailed(
                504, f"the addresses of {target.host} were not found within {_RESOLVE_S:.0f} s"
            ) from None
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise EgressFailed(
                    504, f"the name servers of {target.host} do not respond: retry later"
                ) from None
            raise EgressFailed(502, f"{target.host} has no address: check its spelling") from None
        except (OSError, UnicodeError):
            raise EgressFailed(502, f"{target.host} cannot be resolved") from None
        if not addresses:
            raise EgressFailed(502, f"{target.host} has no address: check its spelling")
        return addresses

    def _forget(self, task: asyncio.Task[list[str]]) -> None:
        self._pending.discard(task)
        if not task.cancelled():
            task.exception()  # the caller has received the error, or has timed out

    async def _look_up(self, target: Target) -> list[str]:
        async with self._lookups:
            return await self._resolve(target.host, target.port)

    def _is_private(self, target: Target) -> bool:
        """Return whether the operator allows the target, whatever its addresses are."""
        return host_and_port(target.host, target.port) in self._private_hosts

    def _check_address(self, target: Target, address: str) -> None:
        reason = self._rejection_reason(address)
        if reason is not None and not self._is_private(target):
            raise EgressDenied(reason, f"{target.host} {_REASONS[reason]}")


def host_and_port(host: str, port: int) -> str:
    """Return a destination as the operator lists it, such as `tools.internal:8080` or `[fd00::1]:8080`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def resolve_by_system(host: str, port: int) -> list[str]:
    """Return the addresses that the resolver of the system finds."""

    def resolve() -> list[str]:
        # The dot at the end makes the name absolute, so that the search list of the host is not used.
        found = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))

    return await asyncio.get_running_loop().run_in_executor(_threads, resolve)
