"""Find the API that a call uses: the configured instance, or the hosting one with the caller's key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver import Context

from puras_mcp import config
from puras_mcp.api import Api


@dataclass(frozen=True)
class World:
    """The context of the tools of a server."""

    api_for: Callable[[Any], Api]
    """Returns the API for the HTTP request of a call; the request is None over stdio."""


Call = Context[World, Any]
"""The call of a tool."""


def api_of(call: Call) -> Api:
    """Return the API with the permissions of the caller."""
    context = call.request_context
    return context.lifespan_context.api_for(context.request)


def configured(_: object) -> Api:
    """Return the API of the current configuration."""
    found = config.read()
    return Api(found.api_base, found.api_key)


def bearer(headers: Mapping[str, str]) -> str:
    """Return the key of a request; empty without one."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
