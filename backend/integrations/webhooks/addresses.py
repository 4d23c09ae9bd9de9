"""Check the URLs of webhooks. The address to which the host name resolves is checked again with every request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from backend.config import Settings
from backend.core.net.public_urls import PORTS, USUAL_PORTS, listed, may_be_public, ports_of, split
from backend.integrations.webhooks.errors import BadWebhookUrl


@dataclass(frozen=True, slots=True)
class Receivers:
    """Where webhooks of an instance may be sent, as the operator has configured it."""

    hosts: frozenset[str] = frozenset()
    """`host:port` that are allowed without being public."""
    ports: frozenset[int] = USUAL_PORTS
    """Allowed ports of all other hosts, which must be public."""
    has_mail: bool = False
    """Whether the instance can send e-mail."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the receivers that the settings allow."""
        ports = USUAL_PORTS | ports_of(settings.webhook_ports)
        return cls(listed(settings.webhook_hosts), ports, has_mail=settings.smtp_url is not None)


def check(url: str, allowed: Receivers) -> None:
    """Reject a URL to which nothing could be sent.

    Raises:
        BadWebhookUrl: It is not a URL, or only the operator may allow it.
    """
    parts = split(url)
    if parts is None:
        raise BadWebhookUrl("is not a URL. Write 'https://host/path'")
    if parts.username is not None or parts.password is not None:
        raise BadWebhookUrl(
            "contains a user name or a password. Remove them; the signature identifies the sender"
        )
    if parts.fragment:
        raise BadWebhookUrl("has a fragment ('#…'), which is never sent. Remove it")
    host = parts.hostname or ""
    port = parts.port or PORTS[parts.scheme]
    host_and_port = f"{host}:{port}"
    if host_and_port in allowed.hosts:
        return
    if not may_be_public(host):
        raise BadWebhookUrl(
            f"is not a public address. An operator can allow it: PURAS_WEBHOOK_HOSTS={host_and_port}"
        )
    if port not in allowed.ports:
        raise BadWebhookUrl(
            f"names port {port}, and webhooks may use ports {', '.join(map(str, sorted(allowed.ports)))} only. Remove "
            f"the port, or have the operator allow it: PURAS_WEBHOOK_PORTS={port}"
        )
