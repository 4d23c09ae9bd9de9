"""The next and the last runs of one schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import reflex as rx

from backend.core.clock import now
from backend.core.db.paging import Page
from backend.core.errors import Missing
from backend.execution.schedules import runs, service
from backend.execution.schedules.schemas import ScheduleRunRead, UpcomingTimesRead
from studio import session
from studio.components.elements import framed_table, link, status
from studio.components.live import Ago, Pulse
from studio.pages.settings.schedule_form import SHOWN, local_time
from studio.theme import STATUS_WORDS
from studio.typing_of_reflex import Handled, as_var

REFRESH_S: Final = 3
_LAST_SHOWN: Final = 20
_WORDS: Final = {
    "queued": "Queued",
    "skipped": "Skipped",
    "missed": "Missed",
    "refused": "Rejected",
    "submitted": "Submitted",
}
_STATES: Final = {
    "queued": "queued",
    "skipped": "cancelled",
    "missed": "cancelled",
    "refused": "failed",
    "submitted": "succeeded",
}
"""The status of a job whose style a run without a job has."""


@dataclass
class RunRow:
    """The data of a run in the table."""

    id: str
    state: str
    word: str
    reason: str
    job: str
    """The URL of the job; empty if there is none."""
    by_hand: bool
    due_at: str


class ScheduleRuns(rx.State):
    """The runs of the open schedule."""

    schedule_id: str = ""
    """The ID of the open schedule; empty if none is open."""
    coming: list[str] = []
    rows: list[RunRow] = []

    @rx.event
    async def load(self) -> None:
        """Load the runs of the schedule in the URL."""
        self.reset()
        requested = self.router.url.query_parameters.get("schedule", "")
        if requested:
            await self._open(requested)

    @rx.event
    def open(self, schedule_id: str) -> Handled:
        """Show the runs of a schedule, and add it to the URL."""
        return rx.redirect(f"/p/{self.project}/settings/schedules?schedule={schedule_id}", replace=True)

    @rx.event
    def close(self) -> Handled:
        """Hide the runs."""
        return rx.redirect(f"/p/{self.project}/settings/schedules", replace=True)

    @rx.event
    async def refresh(self) -> None:
        """Reload the runs."""
        if self.schedule_id:
            await self._open(self.schedule_id)

    async def _open(self, schedule_id: str) -> None:
        try:
            id_ = UUID(schedule_id)
            async with session.acting(self, self.project) as act:
                found = await service.get(act.session, act.principal, id_)
                last = await runs.list_runs(act.session, act.principal, id_, Page(_LAST_SHOWN))
        except (Missing, ValueError):
            self.schedule_id = ""
            return
        self.schedule_id = schedule_id
        clock = service.parse_clock(found.cron, found.time_zone)
        coming = UpcomingTimesRead.first(clock, SHOWN, now()) if found.enabled else []
        self.coming = [local_time(one.at, found.time_zone) for one in coming]
        rows = [_row(one, self.project) for one in last.items]
        if rows != self.rows:
            self.rows = rows


def _row(run: ScheduleRunRead, project: str) -> RunRow:
    return RunRow(
        id=str(run.id),
        state=run.job_status or _STATES[run.outcome],
        word=STATUS_WORDS.get(run.job_status or "", "") or _WORDS[run.outcome],
        reason=run.reason,
        job=f"/p/{project}/jobs/{run.job_id}" if run.job_id and run.job_status else "",
        by_hand=run.is_manual,
        due_at=run.due_at.isoformat(),
    )


def runs_of() -> rx.Component:
    """Render the runs of the open schedule."""
    columns = [("Status", "58%", ""), ("Job", "18%", ""), ("Due", "24%", "num")]
    return rx.el.div(
        Pulse.create(seconds=REFRESH_S, on_tick=ScheduleRuns.refresh),
        rx.cond(
            as_var(ScheduleRuns.coming).length() > 0,
            rx.el.div(
                rx.el.span("Next runs", class_name="cap"),
                rx.el.ol(
                    rx.foreach(ScheduleRuns.coming, lambda at: rx.el.li(at, class_name="num")),
                    class_name="moments",
                    aria_label="Next runs",
                ),
            ),
        ),
        rx.cond(
            as_var(ScheduleRuns.rows).length() > 0,
            framed_table("Last runs", columns, rx.foreach(ScheduleRuns.rows, _run)),
            rx.el.p("No runs yet.", class_name="t2"),
        ),
        class_name="col",
        style={"gap": "8px", "margin_top": "6px"},
    )


def _run(row: rx.Var[RunRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(status(row.state, row.reason, word=row.word)),
        rx.el.td(
            rx.cond(row.job != "", link("Open job", href=row.job, class_name="whole"), "None"),
            class_name="t2",
        ),
        rx.el.td(Ago.create(moment=row.due_at), class_name="num t3"),
        key=row.id,
    )
