"""The table of jobs, with the columns that the user has chosen."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.elements import link, sort_head, status, tag
from studio.components.live import Ago, Elapsed
from studio.pages.jobs.rows import JobItem
from studio.pages.jobs.state import Jobs
from studio.selection import box, box_head
from studio.shell import Shell
from studio.typing_of_reflex import as_var

LABELS: Final = {
    "job": "Job",
    "skill": "Skill",
    "version": "Version",
    "environment": "Environment",
    "source": "Source",
    "model": "Model",
    "submitted_by": "Submitted by",
    "attempt": "Attempt",
    "duration": "Duration",
    "cost": "Cost",
    "created_at": "Submitted",
}
"""The columns that can be hidden."""
_SORTED: Final = frozenset({"status", "duration", "cost", "created_at"})
_NUMBERS: Final = frozenset({"attempt", "duration", "cost", "created_at"})
_WIDTHS: Final = {"job": "98px", "version": "104px", "attempt": "84px", "source": "96px", "status": "20%"}
_NUMBER_WIDTH: Final = "112px"


def table() -> rx.Component:
    """Render the table."""
    return rx.el.table(
        rx.el.thead(
            rx.el.tr(
                rx.cond(_is_picking(), box_head(Jobs, Jobs.rows)),
                _head("status", "Status"),
                *[
                    rx.cond(as_var(Jobs.columns).contains(one), _head(one, label))
                    for one, label in LABELS.items()
                ],
            )
        ),
        rx.el.tbody(rx.foreach(Jobs.rows, _row)),
        class_name="tbl jobs",
        aria_label="Jobs",
    )


def _is_picking() -> rx.Var[bool]:
    return Jobs.is_picking & Shell.can_write


def _head(column: str, label: str) -> rx.Component:
    kind = "num" if column in _NUMBERS else ""
    width = _WIDTHS.get(column, _NUMBER_WIDTH if kind else "")
    style = {"width": width} if width else {}
    if column not in _SORTED:
        return rx.el.th(label, scope="col", class_name=kind, style=style)
    return sort_head(Jobs, column, label, kind=kind, style=style)


def _row(job: rx.Var[JobItem]) -> rx.Component:
    selection = box(Jobs, job.id, f"job {job.short_id}", class_name="above")
    return rx.el.tr(
        rx.cond(_is_picking(), rx.el.td(selection)),
        rx.el.td(status(job.status, job.reason), rx.cond(job.is_simulated, tag("Simulated", state="wait"))),
        *[rx.cond(as_var(Jobs.columns).contains(name), cell) for name, cell in _cells(job).items()],
        key=job.id,
        custom_attrs={"data-id": job.id, "data-picked": as_var(Jobs.picked).contains(job.id)},
    )


def _cells(job: rx.Var[JobItem]) -> dict[str, rx.Component]:
    href: Any = "/p/" + Shell.project_slug + "/jobs/" + job.id
    return {
        "job": rx.el.td(link(job.short_id, href=href, class_name="mono whole", title=job.id)),
        "skill": rx.el.td(job.skill, title=job.skill),
        "version": rx.el.td(
            rx.el.span(
                tag(job.version),
                rx.cond(job.environment != "production", tag(job.environment)),
                class_name="row",
                style={"gap": "4px"},
            )
        ),
        "environment": rx.el.td(job.environment, class_name="t2"),
        "source": rx.el.td(job.source, class_name="t2", title=job.source),
        "model": rx.el.td(job.model, class_name="t2", title=job.model),
        "submitted_by": rx.el.td(job.submitted_by, class_name="t2", title=job.submitted_by),
        "attempt": rx.el.td(job.attempt, class_name="num t2"),
        "duration": rx.el.td(Elapsed.create(start=job.started_at, end=job.finished_at), class_name="num t2"),
        "cost": rx.el.td(job.cost, class_name="num", title=job.cost),
        "created_at": rx.el.td(Ago.create(moment=job.created_at), class_name="num t3"),
    }
