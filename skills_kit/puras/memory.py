"""Read and write the memory of a project: `memory.put("customer", {"name": "Ada"}, entity_key="ada")`.

A record has a kind and an optional key. A write with the same kind and key replaces the record. If the worker of the
job is lost, the next attempt does not write the same record twice. Search records with `memory.search("Ada")`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from threading import Lock
from typing import Any

from puras import _http

__all__ = ["MemoryProblem", "forget", "get", "put", "search"]

_sent: dict[str, int] = {}
_sending = Lock()


class MemoryProblem(RuntimeError):
    """The instance rejected the request, or did not respond."""


def search(
    query: str | None = None,
    *,
    key: str | None = None,
    kind: str | None = None,
    mtype: str | None = None,
    scope: str | None = None,
    content_hash: str | None = None,
    limit: int = 8,
) -> list[dict[str, Any]]:
    """Return the matching records, best match first; without a query or key, the newest records.

    Raises:
        MemoryProblem: The instance rejected the request or did not respond.
    """
    fields = {
        "query": query,
        "key": key,
        "kind": kind,
        "mtype": mtype,
        "scope": scope,
        "content_hash": content_hash,
        "limit": limit,
    }
    found: list[dict[str, Any]] = _ask("search", fields)["results"]
    return found


def put(
    kind: str, record: Mapping[str, object], *, entity_key: str | None = None, **more: object
) -> dict[str, Any]:
    """Store a record, and return `{"id", "version", "created"}`.

    `more` can contain `mtype`, `scope`, `title`, `summary`, `tags`, `importance` (0 to 1), `supersedes`,
    `content_hash`, `source_url`, `aliases`, `pinned`, `stale_at`, `if_version`.

    Raises:
        MemoryProblem: The record is invalid, or the project has reached its limit of records.
    """
    fields = {"kind": kind, "record": dict(record), "entity_key": entity_key, **more}
    return _ask("put", {**fields, "key": _key(fields)})


def get(memory_id: str) -> dict[str, Any]:
    """Return one record.

    Raises:
        MemoryProblem: No record has this ID, or it was deleted.
    """
    return _ask("get", {"id": memory_id})


def forget(memory_id: str, reason: str = "") -> None:
    """Delete a record.

    Raises:
        MemoryProblem: No record has this ID.
    """
    _ask("forget", {"id": memory_id, "reason": reason})


def _ask(what: str, body: Mapping[str, object]) -> dict[str, Any]:
    token, base = os.environ.get("PURAS_SERVICE_TOKEN"), os.environ.get("PURAS_API_BASE")
    if not token or not base:
        raise MemoryProblem(
            "PURAS_API_BASE and PURAS_SERVICE_TOKEN are not set, so the memory is unavailable. Run the skill as a job: "
            "puras run SKILL --local"
        )
    given = {name: value for name, value in body.items() if value is not None}
    try:
        return _http.post_json(
            f"{base.rstrip('/')}/v1/memory/{what}",
            given,
            {"X-Puras-Service-Token": token},
            is_repeatable=True,  # writes have an idempotency key
        )
    except (TypeError, ValueError):
        raise MemoryProblem("A value is not JSON. Use only strings, numbers, lists and objects.") from None
    except _http.HttpError as error:
        raise MemoryProblem(str(error)) from error


def _key(fields: Mapping[str, object]) -> str:
    """Return an idempotency key, which is the same in a later attempt, and another one for a second equal write."""
    try:
        written = json.dumps(fields, sort_keys=True)
    except (TypeError, ValueError):
        raise MemoryProblem("A value is not JSON. Use only strings, numbers, lists and objects.") from None
    call = os.environ.get("PURAS_IDEMPOTENCY_KEY", "")
    mark = hashlib.sha256(f"{call}\n{written}".encode()).hexdigest()
    with _sending:
        number = _sent[mark] = _sent.get(mark, 0) + 1
    return f"{mark[:40]}-{number}"
