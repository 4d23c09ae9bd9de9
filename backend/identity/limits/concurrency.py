"""How much one caller may have open at once: each process counts for itself, since what is open costs it alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from backend.identity.limits.errors import TooManyAtOnce


class AtOnce:
    """Places that each caller has a bounded number of."""

    def __init__(self, most: int, *, what: str, setting: str) -> None:
        """`most` of `what` for each caller; the operator changes it with `setting`."""
        self._most = most
        self._what = what
        self._setting = setting
        self._taken: Counter[UUID] = Counter()

    def has_room(self, caller_id: UUID) -> bool:
        """Whether the caller may open one more now."""
        return self._taken[caller_id] < self._most

    @contextmanager
    def one(self, caller_id: UUID) -> Iterator[None]:
        """Hold a place for as long as the block lasts.

        Raises:
            TooManyAtOnce: the caller holds as many as one may.
        """
        if not self.has_room(caller_id):
            raise TooManyAtOnce(self._most, self._what, self._setting)
        self._taken[caller_id] += 1
        try:
            yield
        finally:
            self._taken[caller_id] -= 1
            if not self._taken[caller_id]:
                del self._taken[caller_id]
