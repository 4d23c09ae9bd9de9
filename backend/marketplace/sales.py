"""Account for finished runs of listings: the price on the receipt, and the counts for the publisher."""

from __future__ import annotations

from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.money.ledger.service import LineItem
from backend.money.pricing import NANOS_PER_MICRO

LINE: Final = "listing"
"""The kind of the line item on the receipt."""

_COUNT: Final = text("""
insert into listing_callers as c (listing_id, caller_id, project_id, runs, succeeded, charged_micros, earned_micros)
select l.id, :caller_id, l.project_id, 1, :succeeded, :charged_micros, :earned_micros from listings l
where l.id = :listing_id and l.project_id = :publisher_id
on conflict (listing_id, caller_id) do update
set runs = c.runs + 1, succeeded = c.succeeded + excluded.succeeded,
    charged_micros = c.charged_micros + excluded.charged_micros,
    earned_micros = c.earned_micros + excluded.earned_micros
""")


class ListingRun(Protocol):
    """An attempt of a job, reduced to what a listing needs."""

    @property
    def project_id(self) -> UUID:
        """The caller's project."""

    @property
    def parent_job_id(self) -> UUID | None:
        """Jobs that a listing starts belong to its run, and are not runs of their own."""

    @property
    def listing_id(self) -> UUID | None:
        """None: the job names no listing."""

    @property
    def listing(self) -> str:
        """The slug of the listing."""

    @property
    def listing_version(self) -> int | None:
        """The version of the listing."""

    @property
    def publisher_id(self) -> UUID | None:
        """None: it is the caller's own listing, which runs without a price."""

    @property
    def price_micros(self) -> int:
        """The price at the submission of the job."""

    @property
    def earning_micros(self) -> int:
        """The publisher's share of the price."""


def price_of(run: ListingRun, *, succeeded: bool) -> tuple[LineItem, ...]:
    """Return the line item of the price if the run has succeeded."""
    if not succeeded or not run.price_micros:
        return ()
    quantity: dict[str, Any] = {"runs": 1, "listing": run.listing, "version": run.listing_version}
    return (LineItem(LINE, quantity, run.price_micros * NANOS_PER_MICRO, run.price_micros),)


async def count(session: AnySession, run: ListingRun, *, succeeded: bool) -> None:
    """Count a finished run. Call it last, since it locks the row of the caller."""
    if run.publisher_id is None or run.parent_job_id is not None:
        return
    values = {
        "listing_id": run.listing_id,
        "publisher_id": run.publisher_id,
        "caller_id": run.project_id,
        "succeeded": int(succeeded),
        "charged_micros": run.price_micros if succeeded else 0,
        "earned_micros": run.earning_micros if succeeded else 0,
    }
    await session.execute(_COUNT, values)
