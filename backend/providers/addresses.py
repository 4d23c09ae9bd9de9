"""Which addresses a project may name for its models: requests go there from inside of the operator's network."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from backend.providers.errors import BadProviderKey

MOST_CHARACTERS: Final = 2_000
_PORTS: Final = {"https": 443, "http": 80}


def listed(hosts: str | None) -> frozenset[str]:
    """The operator's comma-separated `host:port`, one by one."""
    return frozenset(host.strip().lower() for host in (hosts or "").split(",") if host.strip())


def checked(address: str, allowed_hosts: Collection[str]) -> str:
    """The address in the form in which it is kept; a worker looks again at where its name leads, with every connection.

    Raises:
        BadProviderKey: it is not an address, or one that only the operator may allow.
    """
    parts = _parts(address)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    if f"{host}:{port}" not in allowed_hosts:
        if parts.scheme != "https":
            raise _refused("is not https, and a key is not sent in the clear")
        if not _may_be_public(host):
            raise _refused(
                f"is not on the internet. An operator can allow it: PURAS_PROVIDER_HOSTS={host}:{port}"
            )
    return address.rstrip("/").removesuffix("/v1")


def _parts(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    has_blanks = any(ord(letter) <= 32 or ord(letter) == 127 for letter in address)
    if not is_address or has_blanks or parts.scheme not in _PORTS or len(address) > MOST_CHARACTERS:
        raise _refused("is not the address of a server. Write 'https://host', without /v1/messages")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _refused("holds more than a host and a path. The key has a field of its own")
    return parts


def _may_be_public(host: str) -> bool:
    """Whether the internet could have such a host: a name with a dot, or an address that is public."""
    try:
        address = ip_address(host)
    except ValueError:
        last = host.rstrip(".").rpartition(".")[2]
        return "." in host.strip(".") and not last.isdigit() and not last.startswith("0x")
    return address.is_global and not address.is_multicast


def _refused(why: str) -> BadProviderKey:
    return BadProviderKey("base_url", f"'base_url' {why}.")
