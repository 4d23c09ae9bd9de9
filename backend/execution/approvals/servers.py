"""Identify the tool and the MCP server that an approval is for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlsplit

from backend.skills.manifest.types import Skill
from backend.skills.manifest.types import Tool as Section

PREFIX: Final = "mcp:"
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")


def effect_of(section: Section, tool: str) -> str:
    """Return a digest that identifies a tool of a server with the credentials of a section.

    It is a digest because the URL may contain a key, and a model may write a name of any length.
    """
    what = json.dumps([section.mcp, sorted(section.headers.items()), tool])
    return f"{PREFIX}{sha256(what.encode()).hexdigest()}"


def server_of(skill: Skill, *, tool: str, effect: str | None, arguments: Mapping[str, Any]) -> str:
    """Return the host of the MCP server that an approval is for; empty if it is for no tool of a server.

    Args:
        skill: The skill of the job.
        tool: Name of the tool as the model calls it.
        effect: The effect that the approval records.
        arguments: Arguments of the call; the stand-in for an unavailable server receives the name of the server's tool.
    """
    if not effect or not effect.startswith(PREFIX):
        return ""
    hosts = []
    for section in skill.tools:
        if section.mcp is None:
            continue
        host = urlsplit(section.mcp).hostname or "server"
        names = {tool, tool.removeprefix(f"{_NOT_IN_NAMES.sub('_', host)}_"), *(section.allow or ())}
        names.add(str(arguments.get("tool")))
        if effect in {effect_of(section, name) for name in names}:
            return host
        hosts.append(host)
    return hosts[0] if len(set(hosts)) == 1 else ""
