"""Check whether an address belongs to the internet: URLs of tenants may lead only to such addresses.

This module contains every such check of the instance; `tests/unit/test_outbound_gate.py` searches the code for others.
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Final, Literal

from puras._addresses import is_public

__all__ = ["is_own", "is_public", "rejection_reason"]

_ANY_PORT: Final = 9
"""Any port: connecting a datagram socket sends nothing."""


def rejection_reason(text: str) -> Literal["address_not_public", "own_address"] | None:
    """Return the reason why a tenant must not connect to an address, or None if it may."""
    if not is_public(text):
        return "address_not_public"
    return "own_address" if is_own(text) else None


def is_own(text: str) -> bool:
    """Return whether an address belongs to this host. A firewall in front of it does not see such connections."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((text, _ANY_PORT))
        except OSError:
            return False  # no route to the address
        source: str = probe.getsockname()[0]
    return ip_address(source) == ip_address(text)
