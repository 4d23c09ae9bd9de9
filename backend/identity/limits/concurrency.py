"""Limit the concurrent requests or connections of one caller.

Each process counts on its own, since an open connection uses resources of its process only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from backend.identity.limits.errors import TooManyConcurrentRequests


class ConcurrencyLimit:
    """A limited number of concurrent slots per caller."""

    def __init__(self, maximum: int, *, what: str, setting: str) -> None:
        """Set the limit.

        Args:
            maximum: Maximum slots of each caller.
            what: What a slot stands for, in the plural, for the error message.
            setting: Environment variable with which the operator changes the maximum.
        """
        self._maximum = maximum
        self._what = what
        self._setting = setting
        self._active: Counter[UUID] = Counter()

    def has_capacity(self, caller_id: UUID) -> bool:
        """Return whether the caller has a free slot."""
        return self._active[caller_id] < self._maximum

    @contextmanager
    def slot(self, caller_id: UUID) -> Iterator[None]:
        """Use a slot of the caller until the block ends.

        Raises:
            TooManyConcurrentRequests: The caller uses the maximum number of slots.
        """
        if not self.has_capacity(caller_id):
            raise TooManyConcurrentRequests(self._maximum, self._what, self._setting)
        self._active[caller_id] += 1
        try:
            yield
        finally:
            self._active[caller_id] -= 1
            if not self._active[caller_id]:
                del self._active[caller_id]
