"""Count what a unit of work does when it is committed; one that is rolled back counts nothing."""

from __future__ import annotations

from typing import Any, Final, Protocol

from prometheus_client import Counter

from backend.core.metrics.instruments import DATABASE_COMMITS

_TRANSACTION: Final = DATABASE_COMMITS.labels("transaction")
_SINGLE: Final = DATABASE_COMMITS.labels("single")


class UnitOfWork(Protocol):
    """A session, which stores counts until its commit."""

    @property
    def info(self) -> dict[Any, Any]:
        """Return the dictionary that contains them."""


def note(session: UnitOfWork, counter: Counter, amount: float = 1) -> None:
    """Count when the unit of work of the session is committed."""
    session.info.setdefault("counts", []).append((counter, amount))


def count(session: UnitOfWork, *, is_single: bool = False) -> None:
    """Count the committed unit of work and its noted counts."""
    (_SINGLE if is_single else _TRANSACTION).inc()
    counts: list[tuple[Counter, float]] = session.info.pop("counts", [])
    for counter, amount in counts:
        counter.inc(amount)
