"""The comparison of two jobs of the list, which the URL names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core import ids
from backend.core.errors import Missing
from backend.execution.events import spans
from backend.execution.events.errors import EventsGone
from backend.execution.events.schemas import EventRead, SpanRead
from backend.execution.jobs.access import events as event_access
from backend.execution.jobs.queries import get_job
from backend.execution.jobs.schemas import JobRead
from studio import session
from studio.components.elements import button, link, note, status
from studio.components.live import Ago, Check
from studio.pages.jobs.differences import Line, LineGroup, compare_jobs
from studio.pages.jobs.state import Jobs
from studio.session import Act
from studio.skillpacks import job_names
from studio.typing_of_reflex import as_var


@dataclass
class Side:
    """A job that is compared."""

    id: str = ""
    short_id: str = ""
    href: str = ""
    status: str = "queued"
    created_at: str = ""


class Comparison(rx.State):
    """Two jobs, and where they differ."""

    first: Side = Side()
    second: Side = Side()
    groups: list[LineGroup] = []
    is_only_different: bool = False
    problem: str = ""
    _shown: tuple[str, ...] = ()

    @rx.event
    async def load(self) -> None:
        """Load the jobs that the URL of the list names."""
        jobs = await self.get_state(Jobs)
        compared = tuple(jobs.compared)
        if compared != self._shown or not self.groups:
            self.first, self.second, self.groups, self.problem = Side(), Side(), [], ""
        self._shown = compared
        if compared:
            await self._read(compared)

    @rx.event
    def toggle(self) -> None:
        """Show only the lines that differ, or all lines."""
        self.is_only_different = not self.is_only_different

    async def _read(self, compared: tuple[str, ...]) -> None:
        try:
            async with session.acting(self, self.project) as act:
                first, second = [await get_job(act.session, act.principal, UUID(one)) for one in compared]
                names = await job_names(act.session, act.principal)
                times = (await _spans(act, first), await _spans(act, second))
        except Missing as missing:
            self.problem = missing.detail
            return
        self.first, self.second = self._side(first), self._side(second)
        self.groups = compare_jobs(first, second, times, (names.of(first), names.of(second)))

    def _side(self, job: JobRead) -> Side:
        href = f"/p/{self.project}/jobs/{job.id}"
        return Side(str(job.id), ids.short(job.id), href, job.status, job.created_at.isoformat())


async def _spans(act: Act, job: JobRead) -> Sequence[SpanRead]:
    """Return the spans of a job; none if retention has deleted its events."""
    try:
        events = await event_access.list_events(act.session, act.principal, job.id)
    except EventsGone:
        return []
    return spans.fold(job.id, job.skill_name, [EventRead.of(event) for event in events])


def comparison() -> rx.Component:
    """Render the comparison."""
    return rx.el.div(
        rx.el.div(
            button("Back to the list", icon="arrow-left", kind="quiet", on_click=Jobs.stop_comparing),
            rx.el.span(class_name="grow"),
            rx.el.label(
                Check.create(
                    checked=Comparison.is_only_different,
                    label="Differences only",
                    on_change=Comparison.toggle,
                ),
                "Differences only",
                class_name="row",
            ),
            class_name="job-bar row wrap",
        ),
        rx.cond(
            Comparison.problem != "",
            note(Comparison.problem, state="fail", style={"margin": "12px 16px"}),
            rx.cond(
                as_var(Comparison.groups).length() > 0, _table(), rx.el.p("Loading…", class_name="skeleton")
            ),
        ),
        class_name="col grow",
        style={"min_height": "0"},
    )


def _table() -> rx.Component:
    heads = [_head(Comparison.first), _head(Comparison.second)]
    return rx.el.div(
        rx.el.table(
            rx.el.thead(rx.el.tr(rx.el.th("", scope="col", style={"width": "26%"}), *heads)),
            rx.foreach(Comparison.groups, _group),
            class_name="tbl compared",
            aria_label="Comparison of two jobs",
        ),
        class_name="scroll grow",
        role="region",
        tab_index=0,
        aria_label="Comparison",
    )


def _head(side: rx.Var[Side]) -> rx.Component:
    return rx.el.th(
        rx.el.span(
            link(side.short_id, href=side.href, class_name="mono", title=side.id),
            status(side.status),
            rx.el.span(Ago.create(moment=side.created_at), class_name="t3"),
            class_name="row",
        ),
        scope="col",
    )


def _group(group: rx.Var[LineGroup]) -> rx.Component:
    count = rx.cond(group.differences == 1, "1 difference", f"{group.differences} differences")
    return rx.el.tbody(
        rx.el.tr(
            rx.el.th(
                group.title,
                rx.el.span(rx.cond(group.differences > 0, count, "equal"), class_name="t3 count"),
                col_span=3,
                scope="colgroup",
            )
        ),
        rx.foreach(group.lines, _line),
        key=group.title,
    )


def _line(line: rx.Var[Line]) -> rx.Component:
    mark = rx.cond(line.is_different, "true", "false")
    return rx.cond(
        line.is_different | ~Comparison.is_only_different,
        rx.el.tr(
            rx.el.th(line.name, scope="row", class_name="mono"),
            _value(line.first),
            _value(line.second),
            key=line.name,
            custom_attrs={"data-differs": mark},
        ),
    )


def _value(text: Any) -> rx.Component:
    return rx.el.td(rx.cond(text != "", text, rx.el.span("none", class_name="t3")))
