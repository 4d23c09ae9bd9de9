"""Decide which hosts a connection to an MCP server may reach, and which of the offered tools are usable."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import urlsplit

from mcp_types import Tool as Offered

from backend.core.net.egress.connector import host_and_port
from backend.core.net.egress.rules import Rule
from backend.core.net.host_patterns import USUAL_PORTS, HostPattern
from backend.data.secrets.scrub import Scrubber
from backend.skills.schemas.rules import schema_flaws

MAX_SCHEMA_BYTES: Final = 32_768


def rule_for(address: str, private_hosts: Collection[str] = ()) -> Rule:
    """Return the rule that allows only the host of the server, regardless of the skill's `network`.

    A server at a private address must be one of the `private_hosts` of the operator.
    """
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if host_and_port(parts.hostname or "", port) in private_hosts:
        return Rule((HostPattern(parts.hostname or "", is_wildcard=False, port=port),))
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    try:
        return Rule.of([f"{host}" if port in USUAL_PORTS else f"{host}:{port}"])
    except ValueError:  # an address of a private network, or a name without a dot
        return Rule(())


def without_secrets(offered: list[Offered], hidden: Scrubber) -> list[Offered]:
    """Return the tools with secrets redacted, which the server could repeat in descriptions."""
    return [
        Offered.model_validate(hidden.scrub(one.model_dump(mode="json", by_alias=True))) for one in offered
    ]


def is_usable(schema: Any) -> bool:
    """Return whether an untrusted schema is usable: that of an object, small and valid."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    try:
        return len(json.dumps(schema)) <= MAX_SCHEMA_BYTES and not schema_flaws(schema).errors
    except (RecursionError, TypeError, ValueError):
        return False
