"""Validate the base URLs of servers that operators and projects configure: for models, media and gateways."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def address_of(address: str) -> str:
    """Return a base URL in normalized form, without a trailing `/v1`.

    Raises:
        ValueError: It is not a URL, or contains a password or a query.
    """
    return server_url(address).removesuffix("/v1")


def server_url(address: str) -> str:
    """Return the URL of a server in normalized form.

    Raises:
        ValueError: It is not a URL, or contains a password or a query.
    """
    try:
        parts = urlsplit(address)
        is_address = parts.port is None or parts.port > 0
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not the URL of a server: write 'https://…', without /v1/messages")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("contains more than a base URL: store a key in the variable that 'key_env' names")
    return address.rstrip("/")


ServerUrl = Annotated[str, AfterValidator(server_url)]
