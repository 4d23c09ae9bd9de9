"""Responses about money: micro-dollars as integers, and dollars as numbers alongside them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED
from backend.execution.jobs.tables import Job
from backend.integrations.media.prices import MediaModelPrice
from backend.money.ledger.tables import LedgerEntry, UsageEvent, Wallet
from backend.usage.model_prices import ModelPrice


class Balance(Schema):
    """A project's wallet."""

    project_id: UUID
    workspace_id: UUID
    """The same as `project_id`."""
    balance_micros: int
    balance_usd: float
    reserved_micros: int
    """Reserved for running jobs."""
    available_micros: int

    @classmethod
    def of(cls, wallet: Wallet) -> Self:
        """Return the balance of a wallet."""
        return cls(
            project_id=wallet.project_id,
            workspace_id=wallet.project_id,
            balance_micros=wallet.balance_micros,
            balance_usd=wallet.balance_micros / 1e6,
            reserved_micros=wallet.reserved_micros,
            available_micros=wallet.balance_micros - wallet.reserved_micros,
        )


class LedgerLine(Schema):
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
        """Return the line of a ledger entry."""
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


class UsageRow(Schema):
    """The cost of one group of jobs or calls."""

    group: str
    """The values of the group, separated by ` / `."""
    groups: dict[str, str]
    """The values by dimension: `{"day": "2026-01-31", "skill": "resize"}`."""
    jobs: int
    failed: int
    cost_micros: int
    """The charged amount."""
    cost_usd: float
    forgiven_micros: int
    """The usage that was not charged."""
    calls: int | None = None
    """Only when grouped by model: the number of calls. The numbers of tokens are also present then."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_read_tokens: int | None = None


class OverviewNumbers(Schema):
    """The jobs of a period."""

    jobs: int = 0
    """Jobs that ended."""
    succeeded: int = 0
    failed: int = 0
    p50_s: float | None = None
    """Median time from the start to the end of the jobs that succeeded, in seconds."""
    p95_s: float | None = None
    cost_micros: int = 0
    input_tokens: int = 0
    """Tokens that models read, without those from caches."""
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0


class OverviewPoint(OverviewNumbers):
    """The jobs that ended in one time slot."""

    starts_at: datetime


class OverviewSeries(Schema):
    """The jobs of one group, or all jobs."""

    name: str
    """Empty for all jobs."""
    summary: OverviewNumbers
    points: list[OverviewPoint]
    """All slots of the period, the oldest first."""


class OverviewRead(Schema):
    """The jobs of a project over time."""

    since: datetime
    until: datetime
    step_s: int
    """Length of a slot in seconds."""
    total: OverviewSeries
    groups: list[OverviewSeries]
    """The groups with the most jobs, the largest first."""


class ReceiptLine(Schema):
    """One line item of a job.

    It is a reply of a model, a generated file, a search, seconds of a function, or a subjob with everything
    that it used.
    """

    kind: str
    """`compute`, `model`, `media`, `web`, `listing`; `subagent`: a subjob."""
    job_id: UUID | None = None
    """ID of the subjob, whose receipt has its line items."""
    skill: str = ""
    """Skill of the subjob."""
    provider: str
    model: str
    label: str
    """`rehearsal`, `recording`, `local`; empty: bought upstream."""
    quantity: dict[str, Any]
    """The measured quantities, with units in the names: tokens of a model with those of its cache, seconds,
    images…"""
    is_estimated: bool = False
    """True: the provider reported no usage, so the quantity and the price are estimated by the length of the texts."""
    attempt: int
    step: int | None
    """Number of the step of an agent."""
    billed_micros: int
    """The price on this instance."""
    charged_micros: int
    """The part that was charged; less if it was forgiven, or exceeded the reservation."""
    upstream_nanos: int | None
    """Shown to owners only."""
    at: datetime

    @classmethod
    def of(cls, used: UsageEvent, *, shows_upstream: bool) -> Self:
        """Return the line of a line item."""
        same = (
            "kind",
            "provider",
            "model",
            "label",
            "quantity",
            "is_estimated",
            "attempt",
            "step",
            "billed_micros",
        )
        return cls(
            **{name: getattr(used, name) for name in same},
            charged_micros=used.billed_micros - used.waived_micros,
            upstream_nanos=used.upstream_nanos if shows_upstream else None,
            at=used.created_at,
        )

    @classmethod
    def of_called(cls, job: Job) -> Self:
        """Return the line of a subjob on the receipt of the job that pays it."""
        used = job.used_micros + job.called_used_micros - job.over_lent_micros
        return cls(
            kind="subagent",
            job_id=job.id,
            skill=job.skill_name,
            provider="",
            model="",
            label="",
            quantity={"jobs": 1},
            attempt=job.attempt,
            step=None,
            billed_micros=used,
            charged_micros=used if job.bill == "owed" else job.cost_micros + job.called_cost_micros,
            upstream_nanos=None,
            at=job.created_at,
        )


class Receipt(Schema):
    """The line items of a job and its subjobs.

    Their `billed_micros` adds up to `used_micros`, which is the sum of the cost, the forgiven amount and the
    amount over the cap. Nothing is charged while the job runs.
    """

    job_id: UUID
    status: str
    billed_to_job_id: UUID | None
    """For a subjob: the job whose bill includes the line items."""
    used_micros: int
    """The price of all line items."""
    cost_micros: int
    """The amount that the wallet paid."""
    cost_usd: float
    forgiven_micros: int
    """The amount that was not charged because the job failed or was canceled."""
    over_cap_micros: int
    """The amount that was not charged because it exceeded the reservation of the job."""
    cap_micros: int
    """The maximum cost of the job."""
    notes: list[str]
    """An explanation why the cost differs from the usage, for users."""
    lines: list[ReceiptLine]

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def paid_with(self) -> UUID | None:
        """The former name of `billed_to_job_id`. Removed in 0.3."""
        return self.billed_to_job_id


class PricingRead(Schema):
    """The instance's prices."""

    currency: str = "USD"
    compute_micros_per_second: int
    margin_pct: int
    text_margin_pct: int
    models: list[ModelPrice]
    """Language models with the prices of their tokens."""
    media: list[MediaModelPrice]
    """Models for images, video and speech with the price of a unit."""
