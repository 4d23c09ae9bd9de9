"""Jobs as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import reflex as rx

from backend.jobs.schemas import JobView
from studio.components.elements import framed_table, link, status, table, tag
from studio.components.live import Ago, Elapsed
from studio.job_facts import reason_of, version_of
from studio.wording import usd

_MOST_REASON_CHARACTERS = 160
_COLUMNS: Final[list[tuple[Any, str, str]]] = [
    ("Status", "28%", ""),
    ("Job", "11%", ""),
    ("Skill", "16%", ""),
    ("Version", "8%", ""),
    ("Source", "9%", ""),
    ("Duration", "9%", "num"),
    ("Cost", "7%", "num"),
    ("Submitted", "11%", "num"),
]


@dataclass
class JobRow:
    """What a list shows of a job."""

    id: str
    short: str
    href: str
    status: str
    reason: str
    skill: str
    version: str
    source: str
    created_at: str
    started_at: str
    finished_at: str
    cost: str


def row_of(job: JobView, project_slug: str) -> JobRow:
    """The row of a job."""
    return JobRow(
        id=str(job.id),
        short=str(job.id)[:8],
        href=f"/p/{project_slug}/jobs/{job.id}",
        status=job.status,
        reason=reason_of(job)[:_MOST_REASON_CHARACTERS],
        skill=job.skill_name,
        version=version_of(job),
        source=job.source,
        created_at=job.created_at.isoformat(),
        started_at=job.started_at.isoformat() if job.started_at else "",
        finished_at=job.finished_at.isoformat() if job.finished_at else "",
        cost=usd(job.cost_micros) if job.finished_at else "",
    )


def job_table(rows: rx.Var[list[JobRow]]) -> rx.Component:
    """The jobs, each row a link to its job."""
    return table("Jobs", _COLUMNS, rx.foreach(rows, _row))


def framed_job_table(rows: rx.Var[list[JobRow]]) -> rx.Component:
    """The same, in a frame among other things."""
    return framed_table("Jobs", _COLUMNS, rx.foreach(rows, _row))


def _row(job: rx.Var[JobRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(status(job.status, job.reason)),
        rx.el.td(link(job.short, href=job.href, class_name="mono whole", title=job.id)),
        rx.el.td(job.skill, title=job.skill),
        rx.el.td(tag(job.version)),
        rx.el.td(job.source, class_name="t2"),
        rx.el.td(Elapsed.create(start=job.started_at, end=job.finished_at), class_name="num t2"),
        rx.el.td(job.cost, class_name="num"),
        rx.el.td(Ago.create(moment=job.created_at), class_name="num t3"),
        key=job.id,
    )
