"""Base URLs of servers that operators and projects name: those of models, media and gateways."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def address_of(address: str) -> str:
    """An address in front of `/v1/messages` in the one form in which it is kept.

    Raises:
        ValueError: it is not an address, or holds a password or a query.
    """
    try:
        parts = urlsplit(address)
        is_address = parts.port is None or parts.port > 0
    except ValueError:
        is_address = False
    if not is_address or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not the address of a server: write 'https://…', without /v1/messages")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("holds more than an address: a key belongs into the variable that 'key_env' names")
    return address.rstrip("/").removesuffix("/v1")


Address = Annotated[str, AfterValidator(address_of)]
