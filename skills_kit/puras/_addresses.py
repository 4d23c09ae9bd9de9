"""Decide which IP addresses belong to the internet, for the instance and for skills that run without a sandbox.

The module is in the kit since all other packages can import the kit. The instance uses it as
`backend.core.net.public_addresses`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# This is an explicit list since the meaning of `is_global` differs between versions of Python, and since translated
# forms of IPv4 addresses count as global.
_REJECTED_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # networks of carriers; some clouds have their metadata service here
        "127.0.0.0/8",  # this host
        "169.254.0.0/16",  # link-local, with the metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; the metadata service of one cloud
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "168.63.129.16/32",  # the platform service of a cloud, at an address that looks public
    )
)
_ALLOCATED_6 = IPv6Network("2000::/3")
"""All addresses of the internet; not loopback, private, link-local, mapped (`::ffff:`), NAT64 and multicast."""
_REJECTED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "3ffe::/16",  # 6bone, an experiment that has ended
        "3fff::/20",  # documentation
    )
)
_ISATAP = frozenset(
    {0x00005EFE, 0x02005EFE}
)  # interface identifiers of addresses that contain an IPv4 address


def is_public(text: str) -> bool:
    """Return whether an address belongs to the internet, not to this host or one of its networks."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REJECTED_4)
    return _is_public_6(address)


def _is_public_6(address: IPv6Address) -> bool:
    if address.scope_id is not None:  # a zone is the name of an interface of this host
        return False
    if address not in _ALLOCATED_6 or any(address in network for network in _REJECTED_6):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP
