"""Remember the principals of API keys, so that a request for a job needs no query to authenticate its caller.

A key may have been revoked since. Only code whose own statement fails if the configuration stamp of the project has
changed may act for a remembered principal: `backend.execution.jobs.fast_route`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final, NamedTuple
from uuid import UUID

from backend.core.clock import now
from backend.identity.auth.principal import Principal

MAX_KEYS: Final = 2_000


class RecentKey(NamedTuple):
    """A key that was valid at a stamp of its project's configuration."""

    principal: Principal
    stamp: UUID


_recent: OrderedDict[bytes, RecentKey] = OrderedDict()
"""By the hash of the whole key, so that no key stays in memory."""


def remember(plaintext: str, principal: Principal, stamp: UUID | None) -> None:
    """Remember the principal of a valid key.

    Args:
        plaintext: The key.
        principal: The principal that it authenticates.
        stamp: The configuration stamp that the same query has read. None: the project has none yet.
    """
    if stamp is None:
        return
    digest = _digest(plaintext)
    _recent[digest] = RecentKey(principal, stamp)
    _recent.move_to_end(digest)
    while len(_recent) > MAX_KEYS:
        _recent.popitem(last=False)


def forget(plaintext: str) -> None:
    """Forget a key that is not valid, so that its requests no longer count against the limits of the project."""
    _recent.pop(_digest(plaintext), None)


def find(plaintext: str) -> RecentKey | None:
    """Return what is remembered of a key that has not expired."""
    recent = _recent.get(_digest(plaintext))
    if recent is None:
        return None
    expires_at = recent.principal.expires_at
    return recent if expires_at is None or expires_at > now() else None


def _digest(plaintext: str) -> bytes:
    return hashlib.sha256(plaintext.encode()).digest()
