"""Which addresses a webhook may name; where its name leads is looked at again with every send."""

from __future__ import annotations

from collections.abc import Collection

from backend.public_urls import PORTS, may_be_public, split
from backend.webhooks.errors import BadAddress


def check(address: str, allowed_hosts: Collection[str]) -> None:
    """Refuse an address that could never be called.

    Raises:
        BadAddress: it is none, or one that only the operator may allow.
    """
    parts = split(address)
    if parts is None:
        raise BadAddress("is not the address of a server. Write 'https://host/path'")
    if parts.username is not None or parts.password is not None:
        raise BadAddress("holds a user name or a password. The signature says who calls; leave them out")
    if parts.fragment:
        raise BadAddress("has a part behind '#', which is never sent. Leave it out")
    host = parts.hostname or ""
    place = f"{host}:{parts.port or PORTS[parts.scheme]}"
    if place not in allowed_hosts and not may_be_public(host):
        raise BadAddress(f"is not on the internet. An operator can allow it: PURAS_WEBHOOK_HOSTS={place}")
