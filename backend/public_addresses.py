"""Which addresses belong to the internet: what tenants name leads to those alone, whoever dials."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal

# Written out: what `is_global` means differs between versions of Python.
_REFUSED_4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' own; some clouds keep their metadata here
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # this link, with the metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; one cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # the platform of a cloud, on an address that looks public
    )
)
_GIVEN_OUT_6: Final = IPv6Network("2000::/3")
"""All that the internet uses. Outside lie loopback, private, link-local, mapped (`::ffff:`), NAT64, multicast."""
_REFUSED_6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3ffe::/16",  # an ended experiment
        "3fff::/20",  # documentation
    )
)
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})  # the middle of an address that stands for an IPv4 one
_ANY_PORT: Final = 9  # connecting a datagram socket sends nothing


def obstacle_to(text: str) -> Literal["address_not_public", "own_address"] | None:
    """Why nobody is connected to an address for a tenant; none if it may be dialled."""
    if not is_public(text):
        return "address_not_public"
    return "own_address" if is_own(text) else None


def is_public(text: str) -> bool:
    """Whether an address belongs to the internet, and not to a network behind, beside or inside of this machine."""
    try:
        address = ip_address(text)
    except ValueError:
        return False  # with a zone, or not an address at all
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_4)
    return _is_public_6(address)


def is_own(text: str) -> bool:
    """Whether an address is this machine's own: a firewall in front of the machine does not see such connections."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((text, _ANY_PORT))
        except OSError:
            return False  # no way there
        source: str = probe.getsockname()[0]
    return ip_address(source) == ip_address(text)


def _is_public_6(address: IPv6Address) -> bool:
    if address not in _GIVEN_OUT_6 or any(address in network for network in _REFUSED_6):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP
