"""How money is shown: micro-dollars as integers, dollars as numbers beside them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from backend.execution.jobs.tables import Job
from backend.integrations.media.prices import MediaModelPrice
from backend.money.ledger.tables import LedgerEntry, UsageEvent, Wallet
from backend.usage.model_prices import ModelPrice


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
    """What one group of jobs, or of their calls, cost."""

    group: str
    """What the group has in common; of several things, with ` / ` between them."""
    groups: dict[str, str]
    """The same, by what was grouped by: `{"day": "2026-01-31", "skill": "resize"}`."""
    jobs: int
    failed: int
    cost_micros: int
    """What was charged."""
    cost_usd: float
    forgiven_micros: int
    """What was used and not charged."""
    calls: int | None = None
    """Grouped by model: how often it was called. The numbers of tokens are given then, too."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_read_tokens: int | None = None


class ReceiptLine(_Answer):
    """One priced thing that a job used: a reply of a model, a generated file, a search, seconds of a function; or a job
    that it has called, with all that that has used."""

    kind: str
    """`compute`, `model`, `media`, `web`, `listing`; `subagent`: a job."""
    job_id: UUID | None = None
    """The job that was called: its own receipt has its lines."""
    skill: str = ""
    """Of the job that was called."""
    provider: str
    model: str
    label: str
    """`rehearsal`, `recording`, `local`; empty: bought upstream."""
    quantity: dict[str, Any]
    """What was measured, units in the names: tokens of a model with those of its cache, seconds, images…"""
    attempt: int
    step: int | None
    """Of an agent's loop."""
    billed_micros: int
    """Its price here."""
    charged_micros: int
    """What of that the caller pays: less where it was forgiven, or was over what was reserved."""
    upstream_nanos: int | None
    """Shown to owners only."""
    at: datetime

    @classmethod
    def of(cls, used: UsageEvent, *, shows_upstream: bool) -> Self:
        """The line as it is shown."""
        same = ("kind", "provider", "model", "label", "quantity", "attempt", "step", "billed_micros")
        return cls(
            **{name: getattr(used, name) for name in same},
            charged_micros=used.billed_micros - used.waived_micros,
            upstream_nanos=used.upstream_nanos if shows_upstream else None,
            at=used.created_at,
        )

    @classmethod
    def of_called(cls, job: Job) -> Self:
        """A job that was called, as one line of the bill that pays it."""
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


class Receipt(_Answer):
    """What a job and all that it called cost, line by line. The bills of the lines add up to `used_micros`, and that is
    the cost, what was forgiven and what was over the cap together; while the job runs nothing is charged yet."""

    job_id: UUID
    status: str
    paid_with: UUID | None
    """The job that called it, if it is paid with that: its lines are a part of that bill."""
    used_micros: int
    """The bills of all lines."""
    cost_micros: int
    """What the wallet paid."""
    cost_usd: float
    forgiven_micros: int
    """What was not charged because the job failed or was cancelled."""
    over_cap_micros: int
    """What was not charged because it was over what was reserved for the job."""
    cap_micros: int
    """The most that the job may cost."""
    notes: list[str]
    """Why the job costs something else than it used, in words."""
    lines: list[ReceiptLine]


class PricingRead(_Answer):
    """The instance's prices."""

    currency: str = "USD"
    compute_micros_per_second: int
    margin_pct: int
    text_margin_pct: int
    models: list[ModelPrice]
    """Language models, each with what its tokens cost here."""
    media: list[MediaModelPrice]
    """Models for images, video and speech, each with what a unit costs here."""
