"""Which addresses a webhook may name; where its name leads is looked at again with every send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from backend.config import Settings
from backend.core.net.public_urls import PORTS, USUAL_PORTS, listed, may_be_public, ports_of, split
from backend.integrations.webhooks.errors import BadAddress


@dataclass(frozen=True, slots=True)
class Receivers:
    """Where webhooks of an instance may lead, as its operator says."""

    hosts: frozenset[str] = frozenset()
    """`host:port` that are called whatever they are."""
    ports: frozenset[int] = USUAL_PORTS
    """Those of all others, which have to be public."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the receivers that the settings allow."""
        return cls(listed(settings.webhook_hosts), USUAL_PORTS | ports_of(settings.webhook_ports))


def check(address: str, allowed: Receivers) -> None:
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
    port = parts.port or PORTS[parts.scheme]
    place = f"{host}:{port}"
    if place in allowed.hosts:
        return
    if not may_be_public(host):
        raise BadAddress(f"is not on the internet. An operator can allow it: PURAS_WEBHOOK_HOSTS={place}")
    if port not in allowed.ports:
        raise BadAddress(
            f"names port {port}, and webhooks reach ports {', '.join(map(str, sorted(allowed.ports)))} only. Leave the "
            f"port out, or have the operator allow it: PURAS_WEBHOOK_PORTS={port}"
        )
