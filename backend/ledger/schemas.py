"""How money is shown: micro-dollars as integers, dollars as numbers beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from backend.ledger.tables import LedgerEntry, UsageEvent, Wallet
from backend.providers.prices import ModelPrice


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Balance(_Answer):
    """A project's wallet."""

    project_id: UUID
    workspace_id: UUID
    """The same as `project_id`."""
    balance_micros: int
    balance_usd: float
    reserved_micros: int
    """Held for jobs that run now."""
    available_micros: int

    @classmethod
    def of(cls, wallet: Wallet) -> Self:
        """The wallet as it is shown."""
        return cls(
            project_id=wallet.project_id,
            workspace_id=wallet.project_id,
            balance_micros=wallet.balance_micros,
            balance_usd=wallet.balance_micros / 1e6,
            reserved_micros=wallet.reserved_micros,
            available_micros=wallet.balance_micros - wallet.reserved_micros,
        )


class LedgerLine(_Answer):
    """One entry of a wallet."""

    id: int
    kind: str
    amount_micros: int
    """Positive: into the wallet."""
    amount_usd: float
    job_id: UUID | None
    note: str
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, entry: LedgerEntry) -> Self:
        """The entry as it is shown."""
        return cls(
            id=entry.id or 0,
            kind=entry.kind,
            amount_micros=entry.amount_micros,
            amount_usd=entry.amount_micros / 1e6,
            job_id=entry.job_id,
            note=entry.note,
            created_by=entry.created_by,
            created_at=entry.created_at,
        )


class UsageRow(_Answer):
    """What one group of jobs cost."""

    group: str
    jobs: int
    failed: int
    cost_micros: int
    cost_usd: float


class ReceiptLine(_Answer):
    """One priced thing that a job used."""

    kind: str
    provider: str
    model: str
    quantity: dict[str, Any]
    attempt: int
    billed_micros: int
    upstream_nanos: int | None
    """Shown to owners only."""

    @classmethod
    def of(cls, used: UsageEvent, *, shows_upstream: bool) -> Self:
        """The line as it is shown."""
        return cls(
            kind=used.kind,
            provider=used.provider,
            model=used.model,
            quantity=used.quantity,
            attempt=used.attempt,
            billed_micros=used.billed_micros,
            upstream_nanos=used.upstream_nanos if shows_upstream else None,
        )


class Receipt(_Answer):
    """What a job cost, line by line; the lines of a job that succeeded add up to its cost, or to its cap."""

    job_id: UUID
    status: str
    cost_micros: int
    cost_usd: float
    lines: list[ReceiptLine]


class PriceView(_Answer):
    """The instance's prices."""

    currency: str = "USD"
    compute_micros_per_second: int
    margin_pct: int
    text_margin_pct: int
    models: list[ModelPrice]
    """Language models, each with what its tokens cost here."""
