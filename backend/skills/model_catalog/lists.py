"""What providers say when they are asked which models they have: it costs nothing, and shows whether a key is taken."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from backend.skills.model_catalog.entries import CatalogueEntry, Endpoint

PATIENCE_S: Final = 10.0
NOT_TAKEN: Final = (401, 402, 403)
"""HTTP statuses of a provider that does not take the key."""
OPENROUTER: Final = "openrouter"
"""Its list is open to everybody, so that it says nothing of a key; `/v1/key` does."""
_CLAUDE: Final = "https://api.anthropic.com"


def headers(endpoint: Endpoint, key: str | None) -> Mapping[str, str]:
    """What a request for the list is sent with."""
    if key is None:
        return {}
    version = {"anthropic-version": "2023-06-01"}
    if endpoint.auth == "x-api-key" or endpoint.base_url == _CLAUDE:
        return {"x-api-key": key, **version}
    return {"authorization": f"Bearer {key}", **version}


def ids(content: bytes) -> list[str] | None:
    """The models of a list, as their provider calls them; none when it is no list."""
    try:
        body: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]


def missing(models: Sequence[CatalogueEntry], listed: Sequence[str]) -> list[str]:
    """Of our models those that are not in the list."""
    return [entry.slug for entry in models if not any(_is_of(one, entry) for one in listed)]


def _is_of(listed: str, entry: CatalogueEntry) -> bool:
    """Whether a name of a list is the entry's, or the same with the date of a snapshot."""
    name, rest = entry.upstream_id, listed.removeprefix(entry.upstream_id)
    return listed.startswith(name) and (not rest or (rest[0] == "-" and rest[1:].isdigit()))
