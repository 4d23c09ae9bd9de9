"""The last 24 hours of a project: totals, and a bar for each half hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import reflex as rx

from backend.execution.jobs import activity
from backend.execution.jobs.activity import JobActivityRead
from studio import session
from studio.components.jobs import DayBars
from studio.components.live import Pulse
from studio.formatting import usd
from studio.pages.jobs.state import Jobs
from studio.typing_of_reflex import as_var

_REFRESH_S: Final = 15.0


@dataclass
class Bar:
    """The jobs of half an hour."""

    starts_at: str
    jobs: int
    failed: int


class Day(rx.State):
    """The activity of the last 24 hours."""

    bars: list[Bar] = []
    jobs: str = ""
    succeeded: str = ""
    failed: str = ""
    spent: str = ""

    @rx.event
    async def load(self) -> None:
        """Count the jobs."""
        async with session.acting(self, self.project) as act:
            slots = await activity.bars(act.session, act.principal)
        bars = [Bar(slot.starts_at.isoformat(), slot.jobs, slot.failed) for slot in slots]
        if bars != self.bars:
            self.bars = bars
            self._add_up(slots)

    def _add_up(self, slots: Sequence[JobActivityRead]) -> None:
        succeeded, failed = sum(slot.succeeded for slot in slots), sum(slot.failed for slot in slots)
        self.jobs, self.failed = f"{sum(slot.jobs for slot in slots):,}", f"{failed:,}"
        ended = succeeded + failed
        self.succeeded = f"{100 * succeeded / ended:.1f} %" if ended else "No data"
        self.spent = usd(sum(slot.cost_micros for slot in slots))


def day() -> rx.Component:
    """Render the totals and the bars; a click on a bar filters the list to its jobs."""
    facts = (
        ("Jobs (24 h)", Day.jobs),
        ("Succeeded", Day.succeeded),
        ("Failed", Day.failed),
        ("Spent", Day.spent),
    )
    return rx.el.div(
        Pulse.create(seconds=_REFRESH_S, on_tick=Day.load),
        rx.cond(
            as_var(Day.bars).length() > 0,
            rx.fragment(
                rx.el.dl(*[rx.el.div(rx.el.dt(name), rx.el.dd(value)) for name, value in facts]),
                DayBars.create(bars=Day.bars, since=Jobs.filters["since"], on_pick=Jobs.pick_period),
            ),
        ),
        class_name="job-day",
    )
