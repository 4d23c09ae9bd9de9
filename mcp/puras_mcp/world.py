"""Whom a call asks: the instance of the configuration, or the one that hosts us, with the caller's own key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver import Context

from puras_mcp import config
from puras_mcp.api import Api


@dataclass(frozen=True)
class World:
    """What the tools of a server stand on."""

    api_for: Callable[[Any], Api]
    """The instance, for the HTTP request that brought a call; None over stdio."""


Call = Context[World, Any]
"""The call of a tool."""


def api_of(call: Call) -> Api:
    """The instance, as the caller of this tool reaches it."""
    context = call.request_context
    return context.lifespan_context.api_for(context.request)


def configured(_: object) -> Api:
    """The instance of the configuration, as it is at this moment."""
    found = config.read()
    return Api(found.api_base, found.api_key)


def bearer(headers: Mapping[str, str]) -> str:
    """The key that a request brings; empty without one."""
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
