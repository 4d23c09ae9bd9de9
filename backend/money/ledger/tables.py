"""Tables of the ledger. Amounts are integers: micro-dollars for wallets, nano-dollars for upstream cost."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class Wallet(SQLModel, table=True):
    """The balance of a project: the sum of its ledger entries, stored for speed and checked by `audit`."""

    __tablename__: ClassVar[str] = "wallets"
    __table_args__ = (
        CheckConstraint("balance_micros >= 0", name="balance_micros"),
        CheckConstraint("reserved_micros >= 0 and reserved_micros <= balance_micros", name="reserved_micros"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    balance_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    reserved_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """Reserved for running jobs."""
    forgiven_on: date | None = None
    """The last day (UTC) on which something was forgiven."""
    forgiven_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The amount forgiven on that day for failed and canceled jobs."""


class LedgerEntry(SQLModel, table=True):
    """One side of a transfer; the entries of a transfer sum to zero. Amounts are never changed, rows never deleted."""

    __tablename__: ClassVar[str] = "ledger_entries"
    __table_args__ = (
        Index("ix_ledger_entries_project_id_id", "project_id", text("id DESC")),
        Index("ix_ledger_entries_transfer_id", "transfer_id"),
        Index(
            "uq_ledger_entries_job_id_kind_account",
            "job_id",
            "kind",
            "account",
            unique=True,
            postgresql_where=text("job_id is not null"),
        ),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    transfer_id: UUID
    account: str = Field(max_length=64)
    """`wallet`, `revenue`, `deposits` or `closed`."""
    project_id: UUID
    job_id: UUID | None = None
    kind: str = Field(max_length=32)
    """`top_up`, `job_charge`, `listing_sale`, `correction`, `closure`."""
    amount_micros: int = Field(sa_type=BigInteger)
    """Positive: into the account."""
    note: str = Field(default="", max_length=400)
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class UsageEvent(SQLModel, table=True):
    """One line item: something with a price that a job used."""

    __tablename__: ClassVar[str] = "usage_events"
    __table_args__ = (
        Index("ix_usage_events_project_id_created_at", "project_id", "created_at"),
        Index("ix_usage_events_job_id", "job_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID
    job_id: UUID
    attempt: int
    kind: str = Field(max_length=32)
    """`compute`, `model`, `media`, `web`, `listing`."""
    provider: str = Field(default="", max_length=64)
    model: str = Field(default="", max_length=128)
    quantity: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    """The measured quantities, with units in the names: `{"seconds": 1.25}`."""
    upstream_nanos: int = Field(sa_type=BigInteger)
    billed_micros: int = Field(sa_type=BigInteger)
    waived_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The part of the bill that was not charged when the job ended: it was forgiven, or exceeded the reservation."""
    label: str = Field(default="", max_length=16, sa_column_kwargs={"server_default": ""})
    """`rehearsal`, `recording`, `local`; empty: bought upstream."""
    step: int | None = None
    """Number of the step of an agent."""
    is_estimated: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether the quantity is estimated, since the provider reported none."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)


NO_KEY: Final = UUID(int=0)
"""Stands for jobs that no API key submitted."""


class DailySpending(SQLModel, table=True):
    """The cost of the jobs that ended on one day (UTC), added up as they end, so that budgets do not add up jobs."""

    __tablename__: ClassVar[str] = "daily_spending"
    __table_args__ = ({"postgresql_with": {"fillfactor": "50"}},)

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    day: date = Field(primary_key=True)
    skillpack_id: UUID = Field(primary_key=True)
    skill_name: str = Field(max_length=200, primary_key=True)
    api_key_id: UUID = Field(primary_key=True)
    """The key that submitted the jobs; `NO_KEY`: none."""
    spent_micros: int = Field(sa_type=BigInteger)
    forgiven_micros: int = Field(sa_type=BigInteger)


class EnvironmentSpending(SQLModel, table=True):
    """The part of the daily spending of a project that is for jobs of an environment other than production.

    What remains of `DailySpending` is for production, so that the jobs of production need no row here.
    """

    __tablename__: ClassVar[str] = "environment_spending"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    day: date = Field(primary_key=True)
    environment: str = Field(max_length=16, primary_key=True)
    spent_micros: int = Field(sa_type=BigInteger)
    forgiven_micros: int = Field(sa_type=BigInteger)
