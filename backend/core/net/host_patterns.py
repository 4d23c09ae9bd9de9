"""Hosts that a skill may list under `network:`: `api.example.org`, `*.example.org`, `host:8443`, public addresses."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final, NamedTuple

from backend.core.net.public_addresses import is_public

USUAL_PORTS: Final = (80, 443)
MAX_HOSTS: Final = 200
"""Maximum hosts of one skill: the configuration of a gateway must fit into one message."""
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME: Final = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?\Z")
_WITH_PORT: Final = re.compile(
    r"(?P<star>\*\.)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?\Z"
)
_MAX_CHARACTERS: Final = 253


class HostPattern(NamedTuple):
    """One entry of the list of hosts."""

    host: str
    """In lower case; an IPv6 address in its short form and without brackets."""
    is_wildcard: bool
    """Whether the entry means the names below the host, at any depth, and not the host itself."""
    port: int | None
    """None for the usual ports, 80 and 443."""

    def matches(self, host: str, port: int) -> bool:
        """Return whether the entry allows a normalized host and a port."""
        if port != self.port and (self.port is not None or port not in USUAL_PORTS):
            return False
        return host.endswith("." + self.host) if self.is_wildcard else host == self.host


def parse_host(text: str) -> HostPattern | None:
    """Return the entry, or None if the text is not a host."""
    text = text.lower()
    if (address := _public(text)) is not None:
        return HostPattern(address, is_wildcard=False, port=None)
    found = _WITH_PORT.match(text)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 1 <= port <= 65_535:
        return None
    host, is_wildcard = found["host"], bool(found["star"])
    if len(host) <= _MAX_CHARACTERS and _NAME.match(host):
        return HostPattern(host, is_wildcard, port)
    address = _public(host.strip("[]")) if host.startswith("[") or ":" not in host else None
    return HostPattern(address, is_wildcard=False, port=port) if address and not is_wildcard else None


def _public(text: str) -> str | None:
    """Return the short form of a literal public address, or None."""
    return str(ip_address(text)) if is_public(text) else None
