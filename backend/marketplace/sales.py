"""What a run of a listing is worth when it has ended: its price, a line of the bill, and a count for its publisher."""

from __future__ import annotations

from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.money.ledger.service import LineItem
from backend.money.pricing import NANOS_PER_MICRO

LINE: Final = "listing"
"""The kind of the line on the bill."""

_COUNT: Final = text("""
insert into listing_callers as c (listing_id, caller_id, project_id, runs, succeeded, charged_micros, earned_micros)
select l.id, :caller_id, l.project_id, 1, :succeeded, :charged_micros, :earned_micros from listings l
where l.id = :listing_id and l.project_id = :publisher_id
on conflict (listing_id, caller_id) do update
set runs = c.runs + 1, succeeded = c.succeeded + excluded.succeeded,
    charged_micros = c.charged_micros + excluded.charged_micros,
    earned_micros = c.earned_micros + excluded.earned_micros
""")


class Sold(Protocol):
    """An attempt of a job, as far as it is one of a listing."""

    @property
    def project_id(self) -> UUID:
        """The caller's."""

    @property
    def parent_job_id(self) -> UUID | None:
        """What a listing calls is a part of it, and no run of its own."""

    @property
    def listing_id(self) -> UUID | None:
        """None: no listing was named."""

    @property
    def listing(self) -> str:
        """Its slug."""

    @property
    def listing_version(self) -> int | None:
        """Of the listing."""

    @property
    def publisher_id(self) -> UUID | None:
        """None: it is the caller's own, which it may run for nothing."""

    @property
    def price_micros(self) -> int:
        """As it was when the job was submitted."""

    @property
    def earning_micros(self) -> int:
        """What of it the publisher gets."""


def price_of(sold: Sold, *, succeeded: bool) -> tuple[LineItem, ...]:
    """The line of the price, once the run has succeeded."""
    if not succeeded or not sold.price_micros:
        return ()
    quantity: dict[str, Any] = {"runs": 1, "listing": sold.listing, "version": sold.listing_version}
    return (LineItem(LINE, quantity, sold.price_micros * NANOS_PER_MICRO, sold.price_micros),)


async def count(session: AnySession, sold: Sold, *, succeeded: bool) -> None:
    """Count a run that has ended; call it last, since everybody who runs the listing counts in a row of their own."""
    if sold.publisher_id is None or sold.parent_job_id is not None:
        return
    values = {
        "listing_id": sold.listing_id,
        "publisher_id": sold.publisher_id,
        "caller_id": sold.project_id,
        "succeeded": int(succeeded),
        "charged_micros": sold.price_micros if succeeded else 0,
        "earned_micros": sold.earning_micros if succeeded else 0,
    }
    await session.execute(_COUNT, values)
