"""Replace routes of the API in error messages with the equivalent commands."""

from __future__ import annotations

import re
from typing import Final

_COMMANDS: Final = {
    "GET /v1/approvals": "puras approvals",
    "GET /v1/deployments": "puras deployments",
    "GET /v1/deployments/{deployment}/bundle": "puras pull VERSION",
    "POST /v1/drive/upload": "puras drive cp",
    "DELETE /v1/drive/files/…": "puras drive rm",
    "GET /v1/jobs": "puras jobs",
    "POST /v1/jobs": "puras run",
    "GET /v1/me": "puras whoami",
    "GET /v1/secrets": "puras secrets ls",
    "GET /v1/skillpacks": "puras skillpacks",
    "GET /v1/skills": "puras skills",
    "POST /v1/skillpacks/{skillpack}/evals": "puras eval",
}
_ROUTE: Final = re.compile(r"`?\b(GET|POST|PUT|PATCH|DELETE) (/v1/[\w/{}…-]+)`?")


def with_commands(text: str) -> str:
    """Return the text with `puras deployments` instead of `GET /v1/deployments`; keep other routes."""

    def command_of(route: re.Match[str]) -> str:
        command = _COMMANDS.get(f"{route[1]} {route[2]}")
        return route[0] if command is None else f"`{command}`"

    return _ROUTE.sub(command_of, text)
