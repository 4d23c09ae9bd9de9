"""Which addresses a project may name for its models: requests go there from inside of the operator's network."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import SplitResult

from backend.core.net.public_urls import PORTS, may_be_public, split
from backend.skills.model_catalog.errors import BadProviderKey


def checked(address: str, allowed_hosts: Collection[str]) -> str:
    """The address in the form in which it is kept; a worker looks again at where its name leads, with every connection.

    Raises:
        BadProviderKey: it is not an address, or one that only the operator may allow.
    """
    parts = _parts(address)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if f"{host}:{port}" not in allowed_hosts:
        if parts.scheme != "https":
            raise _refused("is not https, and a key is not sent in the clear")
        if not may_be_public(host):
            raise _refused(
                f"is not on the internet. An operator can allow it: PURAS_PROVIDER_HOSTS={host}:{port}"
            )
    return address.rstrip("/").removesuffix("/v1")


def _parts(address: str) -> SplitResult:
    parts = split(address)
    if parts is None:
        raise _refused("is not the address of a server. Write 'https://host', without /v1/messages")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _refused("holds more than a host and a path. The key has a field of its own")
    return parts


def _refused(why: str) -> BadProviderKey:
    return BadProviderKey("base_url", f"'base_url' {why}.")
