"""Counting what a unit of work does, once it is committed: a rolled back or refused one counts nothing."""

from __future__ import annotations

from typing import Any, Final, Protocol

from prometheus_client import Counter

from backend.core.metrics.instruments import DATABASE_COMMITS

_TRANSACTION: Final = DATABASE_COMMITS.labels("transaction")
_SINGLE: Final = DATABASE_COMMITS.labels("single")


class UnitOfWork(Protocol):
    """What remembers counts until it has committed."""

    @property
    def info(self) -> dict[Any, Any]:
        """Room for them."""


def note(session: UnitOfWork, counter: Counter, amount: float = 1) -> None:
    """Remember to count until the session's unit of work has committed."""
    session.info.setdefault("counts", []).append((counter, amount))


def count(session: UnitOfWork, *, is_single: bool = False) -> None:
    """Count the committed unit of work and what it has noted."""
    (_SINGLE if is_single else _TRANSACTION).inc()
    noted: list[tuple[Counter, float]] = session.info.pop("counts", [])
    for counter, amount in noted:
        counter.inc(amount)
