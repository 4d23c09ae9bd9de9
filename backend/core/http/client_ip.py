"""Determine the IP address of the client of a request, also behind proxies."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def networks_of(listed: str) -> tuple[Network, ...]:
    """Return the networks in a comma-separated list; a single address is a network of one.

    Raises:
        ValueError: An entry is neither an IP address nor a network.
    """
    return tuple(_network(part.strip()) for part in listed.split(",") if part.strip())


def address_of(scope: Scope) -> str:
    """Return the IP address of the client, or an empty string if it is unknown."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """Return the IP address of the client that sent the request.

    X-Forwarded-For is read from its end, where each proxy appends the address of its client, as long as the entries
    are from trusted proxies. Entries before that may be forged.
    """
    peer = address_of(scope)
    if not trusted or not _is_in(peer, trusted):
        return peer
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    nearest = peer
    for hop in reversed(forwarded.split(",")):
        address = _address(hop)
        if address is None:
            break
        nearest = str(address)
        if not _is_in(nearest, trusted):
            break
    return nearest


def _network(part: str) -> Network:
    try:
        return ip_network(part, strict=False)
    except ValueError:
        raise ValueError(f"{part!r} is neither an address nor a network like 10.0.0.0/8") from None


def _is_in(peer: str, networks: Sequence[Network]) -> bool:
    address = _address(peer)
    return address is not None and any(address in network for network in networks)


def _address(hop: str) -> Address | None:
    """Return the address in an entry, without a port; an IPv4-mapped IPv6 address is returned as IPv4."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
