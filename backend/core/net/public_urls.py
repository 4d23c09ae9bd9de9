"""Validate the URLs of servers that tenants configure: their form, and whether the internet could have such a host.

`destinations` checks the addresses of a name with every connection; this module reports a mistake immediately.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

from backend.core.net.public_addresses import is_public

PORTS: Final = {"https": 443, "http": 80}
USUAL_PORTS: Final = frozenset(PORTS.values())
MAX_CHARACTERS: Final = 2_000


def listed(hosts: str | None) -> frozenset[str]:
    """Return the entries of the operator's comma-separated list of `host:port`."""
    return frozenset(host.strip().lower() for host in (hosts or "").split(",") if host.strip())


def ports_of(ports: str | None) -> frozenset[int]:
    """Return the ports in the operator's comma-separated list.

    Raises:
        ValueError: An entry is not a port.
    """
    named = [port.strip() for port in (ports or "").split(",") if port.strip()]
    for port in named:
        if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65_535):
            raise ValueError(f"{port!r} is not a port: write numbers from 1 to 65535, separated by commas")
    return frozenset(map(int, named))


def split(address: str) -> SplitResult | None:
    """Return the parts of an HTTP URL; None if it is not one, or if programs could read it differently."""
    try:
        parts = urlsplit(address)
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    has_blanks = any(ord(letter) <= 32 or ord(letter) == 127 for letter in address)
    is_valid = is_address and not has_blanks and "\\" not in address and parts.scheme in PORTS
    return parts if is_valid and len(address) <= MAX_CHARACTERS else None


def may_be_public(host: str) -> bool:
    """Return whether the internet could have such a host: a name with a dot, or a public address."""
    if is_public(host):
        return True
    last = host.rstrip(".").rpartition(".")[2]
    is_number = last.isdigit() or last.startswith("0x")  # an address that is not public, in any notation
    return "." in host.strip(".") and ":" not in host and not is_number
