"""Addresses of servers that tenants name: their form, and whether the internet could have such a host.

Where a name leads is looked at with every connection, by `public_transport`; this tells people of a mistake at once.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

PORTS: Final = {"https": 443, "http": 80}
MOST_CHARACTERS: Final = 2_000


def listed(hosts: str | None) -> frozenset[str]:
    """The operator's comma-separated `host:port`, one by one."""
    return frozenset(host.strip().lower() for host in (hosts or "").split(",") if host.strip())


def split(address: str) -> SplitResult | None:
    """The parts of an address of HTTP; none when it is not one that everybody reads in the same way."""
    try:
        parts = urlsplit(address)
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    has_blanks = any(ord(letter) <= 32 or ord(letter) == 127 for letter in address)
    is_sound = is_address and not has_blanks and "\\" not in address and parts.scheme in PORTS
    return parts if is_sound and len(address) <= MOST_CHARACTERS else None


def may_be_public(host: str) -> bool:
    """Whether the internet could have such a host: a name with a dot, or an address that is public."""
    try:
        address = ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return "." in host.strip(".") and not last.isdigit() and not last.startswith("0x")
    return address.is_global and not address.is_multicast
