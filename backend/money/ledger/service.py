"""Write the ledger, an append-only double-entry record. The sum of a wallet's entries is its balance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.engine import AnySession
from backend.core.errors import Invalid, Missing
from backend.core.jsonb import storable
from backend.identity.auth import audit
from backend.money import admission

MAX_TOP_UP_MICROS = 1_000_000_000_000  # a million dollars: more is probably a typing error


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line item: something with a price that an attempt used."""

    kind: str
    """`compute`, `model`, `media`, `web`, `listing`."""
    quantity: dict[str, Any]
    """The measured quantities, with units in the names: `{"seconds": 1.25}`; for a model's reply
    `{"input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens"}`."""
    upstream_nanos: int
    billed_micros: int
    provider: str = ""
    model: str = ""
    label: str = ""
    """`rehearsal`, `recording`, `local`; empty: bought upstream."""
    step: int | None = None
    """Number of the step of an agent."""
    is_estimated: bool = False
    """Whether the quantities are estimated, since the provider reported none."""


class JobSpending(NamedTuple):
    """The usage of a running job in all its attempts so far, and its remaining budget."""

    used_micros: int
    remaining_micros: int
    """The rest of its reservation without the price of its listing: the maximum cost of the next call."""


class RunningAttempt(Protocol):
    """An attempt of a job, such as `JobAttempt`."""

    @property
    def job_id(self) -> UUID:
        """ID of the job."""

    @property
    def attempt(self) -> int:
        """The fencing token."""


_TRANSFER = text("""
insert into ledger_entries (transfer_id, account, project_id, job_id, kind, amount_micros, note, created_by, created_at)
values (:transfer_id, :from_account, :project_id, :job_id, :kind, -:amount_micros, :note, :created_by, now()),
       (:transfer_id, :to_account, :project_id, :job_id, :kind, :amount_micros, :note, :created_by, now())
""")
_DEPOSIT = text("""
update wallets set balance_micros = balance_micros + :amount_micros
where project_id = :project_id returning balance_micros
""")
_RECORD_USAGE = text("""
with job as (
  update jobs set used_micros = used_micros + :billed_micros
  where id = :job_id and attempt = :attempt and status = 'running'
  returning id, project_id, used_micros, called_used_micros, reserved_micros, price_micros
), line as (
  insert into usage_events (id, project_id, job_id, attempt, kind, provider, model, quantity, upstream_nanos,
                            billed_micros, label, step, is_estimated, created_at)
  select gen_random_uuid(), job.project_id, job.id, :attempt, u.kind, u.provider, u.model, u.quantity,
         u.upstream_nanos, u.billed_micros, u.label, u.step, u.is_estimated, clock_timestamp()
  from job, jsonb_to_recordset(cast(:used as jsonb)) as u(
    kind text, provider text, model text, quantity jsonb, upstream_nanos bigint, billed_micros bigint, label text,
    step int, is_estimated boolean
  )
)
select used_micros, greatest(0, reserved_micros - price_micros - used_micros - called_used_micros) as remaining_micros
from job
""")
_JOB_SPENDING = text("""
select used_micros, greatest(0, reserved_micros - price_micros - used_micros - called_used_micros) as remaining_micros
from jobs
where id = :job_id and attempt = :attempt and status = 'running' for update
""")


async def top_up(
    session: AsyncSession, *, project_id: UUID, amount_micros: int, note: str = "", created_by: str
) -> int:
    """Add credit to the wallet of a project, admit the jobs that waited for it, and return the balance in micros.

    Raises:
        Invalid: The amount is not positive, or implausibly large.
        Missing: There is no such project.
    """
    if not 0 < amount_micros <= MAX_TOP_UP_MICROS:
        raise Invalid(f"A top-up must be above $0 and at most ${MAX_TOP_UP_MICROS / 1e6:,.0f}.")
    values = {"project_id": project_id, "amount_micros": amount_micros}
    balance: int | None = (await session.execute(_DEPOSIT, values)).scalar_one_or_none()
    if balance is None:
        raise Missing(f"No project {str(project_id)!r}.")
    await session.execute(
        _TRANSFER,
        {
            **values,
            "transfer_id": uuid4(),
            "from_account": "deposits",
            "to_account": "wallet",
            "job_id": None,
            "kind": "top_up",
            "note": note,
            "created_by": created_by,
        },
    )
    details: dict[str, Any] = {"amount_micros": amount_micros, "balance_micros": balance, "note": note}
    await audit.record_in(session, project_id, created_by, "wallet.topped_up", **details)
    await admission.admit(session, project_id)
    return balance


async def record_usage(
    session: AnySession, running: RunningAttempt, items: Sequence[LineItem]
) -> JobSpending | None:
    """Record line items of an attempt. They are paid when the job ends, whichever attempt ends it.

    Returns:
        None if the attempt is not the running one any more. Nothing is stored then.
    """
    values = {
        "job_id": running.job_id,
        "attempt": running.attempt,
        "billed_micros": sum(item.billed_micros for item in items),
        "used": storable([asdict(item) for item in items]),
    }
    return _spending((await session.execute(_RECORD_USAGE, values)).one_or_none())


async def job_spending(session: AnySession, running: RunningAttempt) -> JobSpending | None:
    """Return what the running job has used and what is left; None if the attempt is not the running one any more.

    The row of the job stays locked until the end of the transaction, so that no other transaction spends the
    same money.
    """
    values = {"job_id": running.job_id, "attempt": running.attempt}
    return _spending((await session.execute(_JOB_SPENDING, values)).one_or_none())


def _spending(row: Any) -> JobSpending | None:
    return None if row is None else JobSpending(row.used_micros, row.remaining_micros)
