"""Insights from the jobs of the skill: failures, slow or expensive parts, and recommendations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import reflex as rx

from backend.core import ids
from backend.core.clock import now
from backend.evals.insights import service
from backend.evals.insights.schemas import Finding, Findings, StepNumbers, ToolNumbers, VersionNumbers
from studio import session
from studio.components.elements import link
from studio.formatting import duration, usd
from studio.pages.evals.query import DAYS
from studio.pages.evals.state import Evals
from studio.shell import Shell

_MARKS: Final = {"high": "fail", "medium": "wait", "low": ""}
_HEADS: Final = {
    "By version": (
        *("Version", "Runs", "Failed", "Score", "p50 cost", "p95 cost", "p50 duration", "p95 duration"),
    ),
    "By tool": ("Tool", "Calls", "Errors", "Total duration", "p50 duration", "p95 duration", "Cost"),
    "By step": ("Step", "Replies", "Mean duration", "Mean cost", "Total cost"),
}


@dataclass
class JobLink:
    """A job that shows an insight."""

    id: str
    short_id: str


@dataclass
class Insight:
    """An insight with its recommendation."""

    severity: str
    mark: str
    title: str
    recommendation: str
    jobs: list[JobLink]


@dataclass
class Breakdown:
    """A table of numbers; the first cell of a row is its name."""

    label: str
    heads: list[str]
    rows: list[list[str]] = field(default_factory=list)


class Insights(rx.State):
    """The insights of a period."""

    insights: list[Insight] = []
    tables: list[Breakdown] = []
    jobs: str = ""
    has_jobs: bool = False
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Analyze the jobs of the skill."""
        self.reset()
        yield
        evals = await self.get_state(Evals)
        async with session.acting(self, self.project) as act:
            found = await service.findings(
                act.session,
                act.principal,
                evals.skill.name,
                skillpack=evals.slug,
                since=now() - timedelta(days=int(evals.days)),
            )
        self.insights = [_insight(one) for one in found.findings]
        self.tables = _tables(found)
        count = f"{found.jobs_analyzed} {'job' if found.jobs_analyzed == 1 else 'jobs'}"
        self.jobs = f"{count} (newest {found.max_jobs} only)" if found.is_capped else count
        self.has_jobs, self.is_loaded = found.jobs_analyzed > 0, True


def _insight(one: Finding) -> Insight:
    jobs = [JobLink(str(job_id), ids.short(job_id)) for job_id in one.job_ids]
    return Insight(one.severity, _MARKS[one.severity], one.title, one.recommendation, jobs)


def _tables(found: Findings) -> list[Breakdown]:
    rows = {
        "By version": [_version(one) for one in found.versions],
        "By tool": [_tool(one) for one in found.tools],
        "By step": [_step(one) for one in found.steps],
    }
    return [Breakdown(label, list(_HEADS[label]), lines) for label, lines in rows.items() if lines]


def _version(one: VersionNumbers) -> list[str]:
    return [
        "drafts" if one.version is None else f"v{one.version}",
        str(one.runs),
        str(one.failed or ""),
        "" if one.mean_eval_score is None else f"{one.mean_eval_score:g}",
        _money(one.cost_p50_micros),
        _money(one.cost_p95_micros),
        _time(one.duration_p50_ms),
        _time(one.duration_p95_ms),
    ]


def _tool(one: ToolNumbers) -> list[str]:
    times = [_time(one.total_ms), _time(one.p50_ms), _time(one.p95_ms)]
    return [one.name, str(one.calls), str(one.errors or ""), *times, _money(one.billed_micros)]


def _step(one: StepNumbers) -> list[str]:
    costs = [_money(one.mean_billed_micros), _money(one.billed_micros)]
    return [f"step {one.step}", str(one.replies), _time(one.mean_ms), *costs]


def _money(micros: int | None) -> str:
    return "" if micros is None else usd(micros)


def _time(duration_ms: int | None) -> str:
    return "" if duration_ms is None else duration(duration_ms / 1000)


def insights_tab() -> rx.Component:
    """Render the period, the insights and the tables."""
    return rx.el.section(
        rx.el.div(
            rx.el.div(*[_period(days) for days in DAYS], class_name="seg", role="group", aria_label="Period"),
            rx.el.span(Insights.jobs, class_name="t3"),
            class_name="row wrap",
        ),
        rx.cond(
            Insights.is_loaded,
            rx.fragment(
                rx.foreach(Insights.insights, _finding),
                rx.cond(
                    Insights.insights.length() == 0,
                    rx.el.p(
                        rx.cond(
                            Insights.has_jobs, "No insights in this period.", "No jobs ended in this period."
                        ),
                        class_name="t2",
                    ),
                ),
                rx.foreach(Insights.tables, _table),
            ),
            rx.el.p("Analyzing jobs…", class_name="t3"),
        ),
        aria_label="Insights",
        class_name="col",
        style={"gap": "12px"},
        on_mount=Insights.load,
        key=Evals.slug + " " + Evals.skill.name + " " + Evals.days,
    )


def _period(days: int) -> rx.Component:
    return rx.el.button(
        "1 day" if days == 1 else f"{days} days",
        type="button",
        on_click=Evals.pick_days(str(days)),
        custom_attrs={"aria-pressed": rx.cond(Evals.days == str(days), "true", "false")},
    )


def _finding(one: rx.Var[Insight]) -> rx.Component:
    return rx.el.article(
        rx.el.div(
            rx.el.span(one.severity, class_name="tag", custom_attrs={"data-s": one.mark}),
            rx.el.h3(one.title, class_name="grow"),
            class_name="row",
        ),
        rx.el.p(one.recommendation, class_name="t2"),
        rx.el.p("Jobs ", rx.foreach(one.jobs, _job), class_name="row wrap t3"),
        class_name="finding",
    )


def _job(job: rx.Var[JobLink]) -> rx.Component:
    return link(job.short_id, href="/p/" + Shell.project_slug + "/jobs/" + job.id, class_name="mono")


def _table(one: rx.Var[Breakdown]) -> rx.Component:
    def head(title: Any, index: Any) -> rx.Component:
        return rx.el.th(title, scope="col", class_name=rx.cond(index == 0, "", "num"))

    def cell(value: Any, index: Any) -> rx.Component:
        return rx.el.td(value, class_name=rx.cond(index == 0, "", "num t2"))

    return rx.el.div(
        rx.el.table(
            rx.el.thead(rx.el.tr(rx.foreach(one.heads, head))),
            rx.el.tbody(rx.foreach(one.rows, lambda row: rx.el.tr(rx.foreach(row, cell)))),
            class_name="tbl",
            aria_label=one.label,
        ),
        class_name="pane wide",
        tab_index=0,
        role="region",
        aria_label=one.label,
    )
