"""The destinations that outbound requests may have, for each kind of caller.

A destination check returns the addresses to connect to. It resolves a name once and checks every address, so a later
DNS response cannot change where the request goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, Literal, Protocol

import httpx2

from backend.core.net.egress.connector import MAX_LOOKUPS, Connector
from backend.core.net.egress.errors import EgressDenied, EgressError, EgressFailed, Malformed
from backend.core.net.egress.rules import Target, read_target
from backend.core.net.egress.run_egress import RunEgress
from backend.core.net.public_urls import PORTS, USUAL_PORTS

NotReachedReason = Literal[
    "scheme", "port", "user_info", "malformed", "not_public", "network_rule", "unresolved", "no_response"
]


class NotReached(httpx2.ConnectError):
    """The request was not sent, because its destination is not allowed or has no usable address."""

    def __init__(self, detail: str, request: httpx2.Request, reason: NotReachedReason) -> None:
        super().__init__(detail, request=request)
        self.detail = detail
        """Part of a message. From `PublicDestinations` it starts with `its`, as in `its host has no address`."""
        self.reason: NotReachedReason = reason


class Destinations(Protocol):
    """The destinations of one caller."""

    def is_exempt(self, url: httpx2.URL) -> bool:
        """Return whether the operator allows the destination, whatever its addresses are."""

    async def addresses_of(self, request: httpx2.Request) -> list[str]:
        """Return the addresses that the request may connect to.

        Raises:
            NotReached: The destination is not allowed, or has no address.
        """

    def unanswered(self, request: httpx2.Request, error: httpx2.TransportError) -> httpx2.TransportError:
        """Return the error to raise after no address accepted the connection."""


class OperatorDestinations:
    """Any destination: for URLs that the operator configures."""

    def is_exempt(self, url: httpx2.URL) -> bool:
        """Return True."""
        return True

    async def addresses_of(self, request: httpx2.Request) -> list[str]:
        """Fail, since every destination is exempt."""
        raise AssertionError("every destination of the operator is exempt")

    def unanswered(self, request: httpx2.Request, error: httpx2.TransportError) -> httpx2.TransportError:
        """Return the error itself."""
        return error


class PublicDestinations:
    """Public addresses, and the hosts that the operator allows: for URLs that tenants and users choose."""

    def __init__(
        self,
        allowed_hosts: Collection[str] = (),
        *,
        schemes: Collection[str] = ("https",),
        ports: Collection[int] | None = USUAL_PORTS,
        connector: Connector | None = None,
    ) -> None:
        """Take the exceptions of the operator and the limits of all other destinations.

        Args:
            allowed_hosts: `host:port` pairs that are exempt from every check.
            schemes: The schemes of other URLs.
            ports: The ports of other URLs; None allows any port.
            connector: Resolves names and checks addresses.
        """
        self._allowed_hosts = frozenset(allowed_hosts)
        self._schemes = frozenset(schemes)
        self._ports = None if ports is None else frozenset(ports)
        self._connector = connector or Connector(lookups=asyncio.Semaphore(MAX_LOOKUPS))

    def is_exempt(self, url: httpx2.URL) -> bool:
        """Return whether the operator lists the host and the port."""
        return f"{url.host}:{port_of(url)}" in self._allowed_hosts

    async def addresses_of(self, request: httpx2.Request) -> list[str]:
        """Return the public addresses of the host.

        Raises:
            NotReached: The URL is not allowed, or one of the addresses is not public.
        """
        self._check_url(request)
        try:
            target = target_of(request.url)
            self._connector.screen(target)
            return await self._connector.addresses_of(target)
        except EgressFailed:
            raise NotReached("its host cannot be resolved", request, "unresolved") from None
        except EgressError:
            raise NotReached("its host is not at a public address", request, "not_public") from None

    def unanswered(self, request: httpx2.Request, error: httpx2.TransportError) -> httpx2.TransportError:
        """Return the error of the last address."""
        return error

    def _check_url(self, request: httpx2.Request) -> None:
        url, port = request.url, port_of(request.url)
        if url.scheme not in self._schemes:
            raise NotReached(f"its URL is not {' or '.join(sorted(self._schemes))}", request, "scheme")
        if url.userinfo:
            raise NotReached("its URL contains a user name or a password", request, "user_info")
        if self._ports is not None and port not in self._ports:
            listed = ", ".join(map(str, sorted(self._ports)))
            detail = f"its port {port} is not allowed; use one of {listed}"
            raise NotReached(detail, request, "port")


class EgressDestinations:
    """The hosts that the `network:` of a skill allows, recorded in its job when it is denied one."""

    def __init__(self, egress: RunEgress) -> None:
        self._egress = egress

    def is_exempt(self, url: httpx2.URL) -> bool:
        """Return False: the operator lists no exceptions for jobs."""
        return False

    async def addresses_of(self, request: httpx2.Request) -> list[str]:
        """Return the public addresses of a host that the skill may reach.

        Raises:
            NotReached: The skill may not reach the host, or one of the addresses is not public.
        """
        target = self._target(request)
        try:
            self._egress.connector.screen(target)
            self._egress.rule.check(target)
            return await self._egress.connector.addresses_of(target)
        except EgressDenied as denied:
            self._egress.note(denied, target.host, target.port)
            raise NotReached(denied.detail, request, "network_rule") from None
        except EgressError as error:
            raise NotReached(error.detail, request, "unresolved") from None

    def unanswered(self, request: httpx2.Request, error: httpx2.TransportError) -> httpx2.TransportError:
        """Return an error that names the host and the port."""
        target = target_of(request.url)
        detail = f"{target.host} does not respond on port {target.port}: {str(error) or 'timeout'}"
        return NotReached(detail, request, "no_response")

    def _target(self, request: httpx2.Request) -> Target:
        url = request.url
        try:
            if url.scheme not in PORTS:
                raise Malformed(
                    f"the scheme {url.scheme or 'nothing'}: is not supported; use https: or http:"
                )
            if url.userinfo:
                raise Malformed("the URL contains a user name or a password: remove them")
            return target_of(url)
        except Malformed as malformed:
            raise NotReached(malformed.detail, request, "malformed") from None


OPERATOR: Final = OperatorDestinations()


def target_of(url: httpx2.URL) -> Target:
    """Return the host and the port of a URL in the one form that is checked.

    Raises:
        Malformed: Other programs could read the host as another one.
    """
    return read_target(url.netloc.decode("ascii"), default_port=PORTS.get(url.scheme))


def port_of(url: httpx2.URL) -> int:
    """Return the port that a request to a URL connects to; 0 if its scheme has none."""
    return url.port or PORTS.get(url.scheme, 0)
