"""Insights from the jobs of the skill: failures, slow or expensive parts, and recommendations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import reflex as rx

from backend.core import ids
from backend.core.clock import now
from backend.evals.insights import service
from backend.evals.insights.schemas import (
    Finding,
    FindingChart,
    Findings,
    StepNumbers,
    ToolNumbers,
    VersionNumbers,
)
from studio import session
from studio.components.elements import link
from studio.formatting import duration, usd
from studio.pages.evals.query import DAYS
from studio.pages.evals.state import Evals
from studio.shell import Shell
from studio.typing_of_reflex import AsyncUpdates, as_var

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
class Bar:
    """A bar of the chart of an insight."""

    label: str
    value: str
    width: str
    is_highlighted: bool


@dataclass
class Insight:
    """An insight with its recommendation, its chart, and the jobs behind it."""

    severity: str
    mark: str
    value: str
    title: str
    recommendation: str
    bars: list[Bar]
    count: str
    query: str
    """The filter of the list of jobs that shows all of them."""
    examples: list[JobLink]


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
    async def load(self) -> AsyncUpdates:
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
        count = _counted(found.jobs_analyzed, "job")
        self.jobs = f"{count} (newest {found.max_jobs} only)" if found.is_capped else count
        self.has_jobs, self.is_loaded = found.jobs_analyzed > 0, True


def _insight(one: Finding) -> Insight:
    return Insight(
        severity=one.severity,
        mark=_MARKS[one.severity],
        value=one.value,
        title=one.title,
        recommendation=one.recommendation,
        bars=[] if one.chart is None else _bars(one.chart),
        count=f"Show {_counted(one.jobs, 'job')}",
        query="ids=" + ",".join(str(job_id) for job_id in one.all_job_ids or one.job_ids),
        examples=[JobLink(str(job_id), ids.short(job_id)) for job_id in one.job_ids],
    )


def _bars(chart: FindingChart) -> list[Bar]:
    highest = max(chart.values, default=0) or 1
    return [
        Bar(
            label,
            _measured(value, chart.unit),
            f"{100 * value / highest:.1f}%",
            chart.highlighted in (None, index),
        )
        for index, (label, value) in enumerate(zip(chart.labels, chart.values, strict=True))
    ]


def _measured(value: float, unit: str) -> str:
    if unit == "usd":
        return usd(round(value * 1e6))
    if unit == "seconds":
        return duration(value)
    return f"{value:,.0f} tokens" if unit == "tokens" else _counted(round(value), unit.removesuffix("s"))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else noun + 's'}"


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
                rx.cond(
                    as_var(Insights.insights).length() > 0,
                    rx.el.ul(
                        rx.foreach(Insights.insights, _finding),
                        class_name="findings",
                        aria_label="Found insights",
                    ),
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
    jobs = "/p/" + Shell.project_slug + "/jobs?" + one.query
    return rx.el.li(
        rx.el.div(
            rx.el.span(one.severity, class_name="tag", custom_attrs={"data-s": one.mark}),
            rx.el.strong(one.value, class_name="finding-value num grow"),
            class_name="row",
        ),
        rx.el.h3(one.title),
        rx.cond(one.bars.length() > 0, rx.el.dl(rx.foreach(one.bars, _bar), class_name="finding-bars")),
        rx.el.p(one.recommendation, class_name="t2"),
        rx.el.p(
            link(one.count, href=jobs),
            rx.el.span("Examples", rx.foreach(one.examples, _job), class_name="row wrap"),
            class_name="row wrap t3",
        ),
        class_name="finding",
    )


def _bar(bar: rx.Var[Bar]) -> rx.Component:
    return rx.el.div(
        rx.el.dt(bar.label, title=bar.label, class_name="cut"),
        rx.el.dd(rx.el.i(style={"width": bar.width}), rx.el.span(bar.value, class_name="num")),
        custom_attrs={"data-highlighted": rx.cond(bar.is_highlighted, "true", None)},
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
