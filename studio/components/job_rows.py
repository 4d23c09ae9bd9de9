"""A table of jobs of several projects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import reflex as rx

from backend.core import ids
from backend.execution.jobs.schemas import JobRead
from studio.components.elements import framed_table, link, status, tag
from studio.components.live import Ago
from studio.job_facts import reason_of, version_of

_MAX_REASON_CHARACTERS = 160
_COLUMNS: Final[list[tuple[Any, str, str]]] = [
    ("Status", "40%", ""),
    ("Job", "12%", ""),
    ("Skill", "16%", ""),
    ("Project", "14%", ""),
    ("Version", "8%", ""),
    ("Submitted", "10%", "num"),
]


@dataclass
class JobRow:
    """The data of a job in the table."""

    id: str
    short: str
    href: str
    status: str
    reason: str
    is_simulated: bool
    skill: str
    project: str
    version: str
    created_at: str


def row_of(job: JobRead, slug: str, project: str, skill: str) -> JobRow:
    """Return the row of a job; `slug` and `project` are the slug and name of its project, `skill` the full name."""
    return JobRow(
        id=str(job.id),
        short=ids.short(job.id),
        href=f"/p/{slug}/jobs/{job.id}",
        status=job.status,
        is_simulated=job.simulated,
        reason=reason_of(job)[:_MAX_REASON_CHARACTERS],
        skill=skill,
        project=project,
        version=version_of(job),
        created_at=job.created_at.isoformat(),
    )


def framed_job_table(rows: rx.Var[list[JobRow]]) -> rx.Component:
    """Return the table of jobs, with a link to each job."""
    return framed_table("Jobs", _COLUMNS, rx.foreach(rows, _row))


def _row(job: rx.Var[JobRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(status(job.status, job.reason), rx.cond(job.is_simulated, tag("Simulated", state="wait"))),
        rx.el.td(link(job.short, href=job.href, class_name="mono whole", title=job.id)),
        rx.el.td(job.skill, title=job.skill),
        rx.el.td(job.project, title=job.project, class_name="t2"),
        rx.el.td(tag(job.version)),
        rx.el.td(Ago.create(moment=job.created_at), class_name="num t3"),
        key=job.id,
    )
