"""Which addresses belong to the internet: what tenants name leads to those alone, whatever connects.

Every check of the instance is here; a test reads the code for others (`tests/unit/test_outbound_gate.py`).
"""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Final, Literal

from puras._addresses import is_public

__all__ = ["is_own", "is_public", "obstacle_to"]

_ANY_PORT: Final = 9  # connecting a datagram socket sends nothing


def obstacle_to(text: str) -> Literal["address_not_public", "own_address"] | None:
    """Return why nothing connects to an address for a tenant; none if it may."""
    if not is_public(text):
        return "address_not_public"
    return "own_address" if is_own(text) else None


def is_own(text: str) -> bool:
    """Return whether an address is this machine's own: a firewall in front of it does not see such connections."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((text, _ANY_PORT))
        except OSError:
            return False  # no way there
        source: str = probe.getsockname()[0]
    return ip_address(source) == ip_address(text)
