"""List the models of a provider: the request is free, and shows whether the API key is valid."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from backend.skills.model_catalog.entries import CatalogueEntry, Endpoint

PATIENCE_S: Final = 10.0
NOT_TAKEN: Final = (401, 402, 403)
"""HTTP statuses of a provider that rejects the API key."""
OPENROUTER: Final = "openrouter"
"""Its list is public and does not check the API key; `/v1/key` does."""
_CLAUDE: Final = "https://api.anthropic.com"


def headers(endpoint: Endpoint, key: str | None) -> Mapping[str, str]:
    """Return the headers of a request for the list."""
    if key is None:
        return {}
    if endpoint.api != "messages":
        bearer = {"authorization": f"Bearer {key}"}
        return bearer if endpoint.auth == "bearer" else {**bearer, endpoint.auth: key}
    version = {"anthropic-version": "2023-06-01"}
    if endpoint.auth != "bearer" or endpoint.base_url == _CLAUDE:
        name = "x-api-key" if endpoint.auth == "bearer" else endpoint.auth
        return {name: key, **version}
    return {"authorization": f"Bearer {key}", **version}


def url(endpoint: Endpoint) -> str:
    """Return the URL of the list."""
    if endpoint.api == "messages":
        return f"{endpoint.base_url}/v1/models?limit=1000"
    return f"{endpoint.base_url}/models"


def key_url(endpoint: Endpoint) -> str:
    """Return the URL of OpenRouter that checks the key."""
    return f"{endpoint.base_url.removesuffix('/v1')}/v1/key"


def ids(content: bytes) -> list[str] | None:
    """Return the models of a list, by the names of the provider; none if it is not a list."""
    try:
        body: Any = json.loads(content)
    except (ValueError, RecursionError):
        return None
    rows = body.get("data") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        return None
    return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]


def missing(models: Sequence[CatalogueEntry], listed: Sequence[str]) -> list[str]:
    """Return the models of the catalog that are not in the list."""
    return [entry.slug for entry in models if not any(_is_of(one, entry) for one in listed)]


def _is_of(listed: str, entry: CatalogueEntry) -> bool:
    """Return whether a name of a list is that of the entry, or the same with the date of a snapshot."""
    name, rest = entry.upstream_id, listed.removeprefix(entry.upstream_id)
    return listed.startswith(name) and (not rest or (rest[0] == "-" and rest[1:].isdigit()))
