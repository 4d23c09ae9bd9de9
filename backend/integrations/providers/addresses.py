"""Check the URLs that a project sets for its models, since requests are sent from inside the operator's network."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import SplitResult

from backend.core.net.public_urls import PORTS, may_be_public, split
from backend.skills.model_catalog.entries import ApiName, base_url_of
from backend.skills.model_catalog.errors import BadProviderKey


def checked_url(url: str, api: ApiName, allowed_hosts: Collection[str]) -> str:
    """Return the URL in the form in which it is stored. Workers check the resolved address with every connection.

    Raises:
        BadProviderKey: It is not a URL, or only the operator may allow it.
    """
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    if f"{host}:{port}" not in allowed_hosts:
        if parts.scheme != "https":
            raise _bad_url("is not https, and a key must not be sent unencrypted")
        if not may_be_public(host):
            raise _bad_url(
                f"is not a public address. An operator can allow it: PURAS_PROVIDER_HOSTS={host}:{port}"
            )
    return base_url_of(url.rstrip("/"), api)


def _parts(url: str) -> SplitResult:
    parts = split(url)
    if parts is None:
        raise _bad_url(
            "is not a URL. Write 'https://host', or with the path before /chat/completions or /responses"
        )
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _bad_url("has more than a host and a path. The key has a field of its own")
    return parts


def _bad_url(problem: str) -> BadProviderKey:
    return BadProviderKey("base_url", f"'base_url' {problem}.")
