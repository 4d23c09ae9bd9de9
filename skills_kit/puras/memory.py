"""What a project remembers: `memory.put("customer", {"name": "Ada"}, entity_key="ada")`, `memory.search("Ada")`.

A record has a kind and, mostly, a key: a write under the same kind and key replaces it. What is written by a job whose
worker is lost is not written a second time by the next attempt.
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
    """The instance does not remember it so, or does not answer."""


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
    """The records that fit, best first; without anything to look for, the newest.

    Raises:
        MemoryProblem: it cannot be asked so.
    """
    asked = {
        "query": query,
        "key": key,
        "kind": kind,
        "mtype": mtype,
        "scope": scope,
        "content_hash": content_hash,
        "limit": limit,
    }
    found: list[dict[str, Any]] = _ask("search", asked)["results"]
    return found


def put(
    kind: str, record: Mapping[str, object], *, entity_key: str | None = None, **more: object
) -> dict[str, Any]:
    """Remember something; gives `{"id", "version", "created"}`.

    `more`: `mtype`, `scope`, `title`, `summary`, `tags`, `importance` (0 to 1), `supersedes`, `content_hash`,
    `source_url`, `aliases`, `pinned`, `stale_at`, `if_version`.

    Raises:
        MemoryProblem: it cannot be remembered so, or the project remembers as much as it may.
    """
    asked = {"kind": kind, "record": dict(record), "entity_key": entity_key, **more}
    return _ask("put", {**asked, "key": _key(asked)})


def get(memory_id: str) -> dict[str, Any]:
    """One record.

    Raises:
        MemoryProblem: there is none of that id, or it was forgotten.
    """
    return _ask("get", {"id": memory_id})


def forget(memory_id: str, reason: str = "") -> None:
    """Let nothing find a record any more.

    Raises:
        MemoryProblem: there is none of that id.
    """
    _ask("forget", {"id": memory_id, "reason": reason})


def _ask(what: str, body: Mapping[str, object]) -> dict[str, Any]:
    token, base = os.environ.get("PURAS_SERVICE_TOKEN"), os.environ.get("PURAS_API_BASE")
    if not token or not base:
        raise MemoryProblem(
            "Only a running job has a memory: PURAS_API_BASE and PURAS_SERVICE_TOKEN are not set."
        )
    given = {name: value for name, value in body.items() if value is not None}
    try:
        return _http.post_json(
            f"{base.rstrip('/')}/v1/memory/{what}",
            given,
            {"X-Puras-Service-Token": token},
            is_repeatable=True,  # a write has a key
        )
    except (TypeError, ValueError):
        raise MemoryProblem("Something in it is not JSON: give text, numbers, lists and objects.") from None
    except _http.HttpError as error:
        raise MemoryProblem(str(error)) from error


def _key(asked: Mapping[str, object]) -> str:
    """The same for the same write of the same job, the second of the same kind another."""
    try:
        written = json.dumps(asked, sort_keys=True)
    except (TypeError, ValueError):
        raise MemoryProblem("Something in it is not JSON: give text, numbers, lists and objects.") from None
    call = os.environ.get("PURAS_IDEMPOTENCY_KEY", "")
    mark = hashlib.sha256(f"{call}\n{written}".encode()).hexdigest()
    with _sending:
        number = _sent[mark] = _sent.get(mark, 0) + 1
    return f"{mark[:40]}-{number}"
