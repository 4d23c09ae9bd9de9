"""Replace what users of the API know in error messages with what users of the command know."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from puras.client import Problem

_COMMANDS: Final = {
    "GET /v1/approvals": "puras approvals",
    "GET /v1/deployments": "puras deployments",
    "GET /v1/deployments/{deployment}/bundle": "puras pull VERSION",
    "POST /v1/drive/upload": "puras drive cp",
    "DELETE /v1/drive/files/…": "puras drive rm",
    "GET /v1/events": "puras events ls",
    "POST /v1/events": "puras events send",
    "GET /v1/jobs": "puras jobs",
    "POST /v1/jobs": "puras run",
    "GET /v1/me": "puras whoami",
    "GET /v1/secrets": "puras secrets ls",
    "GET /v1/skillpacks": "puras skillpacks",
    "GET /v1/skills": "puras skills",
    "GET /v1/skills/{skill}/prompts": "puras prompts ls",
    "POST /v1/skillpacks/{skillpack}/evals": "puras eval",
}
_LISTS: Final = {
    "approval_id": "`puras approvals` lists the approvals.",
    "job_id": "`puras jobs` lists the jobs.",
    "suite_id": "Use the ID of a suite that `puras eval` has started.",
}
"""Where the IDs in arguments are found, by the names of the parameters that they become."""
_ROUTE: Final = re.compile(r"`?\b(GET|POST|PUT|PATCH|DELETE) (/v1/[\w/{}…-]+)`?")


def with_commands(text: str) -> str:
    """Return the text with `puras deployments` instead of `GET /v1/deployments`; keep other routes."""

    def command_of(route: re.Match[str]) -> str:
        command = _COMMANDS.get(f"{route[1]} {route[2]}")
        return route[0] if command is None else f"`{command}`"

    return _ROUTE.sub(command_of, text)


def invalid_id(problems: Sequence[Problem]) -> str | None:
    """Return a message if the only problem is an argument that is not an ID; the path names a part of the route."""
    match problems:
        case [Problem(path, message)] if (
            name := path.removeprefix("path.").removeprefix("query.")
        ) in _LISTS:
            return f"The {name.replace('_id', ' ID')} is not valid. {message} {_LISTS[name]}"
    return None
