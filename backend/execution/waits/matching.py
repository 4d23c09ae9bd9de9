"""Decide which events end which waits."""

from __future__ import annotations

import hashlib
from typing import Final
from uuid import UUID

_KEY_BYTES: Final = 8


def fits(match: str, data: str) -> str:
    """Return the SQL condition that the data of an event has all values of a match, which names them by paths.

    Args:
        match: SQL of the match, a flat `jsonb` object.
        data: SQL of the data, as `jsonb`.
    """
    value = f"{data} #> string_to_array(m.key, '.')"
    return f"not exists (select from jsonb_each({match}) m where ({value}) is distinct from m.value)"  # noqa: S608


def lock_key(project_id: UUID, event_type: str) -> int:
    """Return the key of the advisory lock of a type of events of a project.

    Who stores an event takes the lock alone, who registers a wait shares it. So a wait finds each event either when it
    is registered or when the event is stored.
    """
    digest = hashlib.sha256(f"{project_id}:{event_type}".encode()).digest()
    return int.from_bytes(digest[:_KEY_BYTES], "big", signed=True)
