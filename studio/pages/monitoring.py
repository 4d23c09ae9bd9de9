"""`/p/{project}/monitoring`: outcomes, durations, cost and tokens of the jobs of a project over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, get_args

import reflex as rx

from backend.core.clock import now
from backend.identity.environments import ENVIRONMENTS
from backend.usage import overview
from backend.usage.overview import OverviewGroup, OverviewQuery
from backend.usage.schemas import OverviewNumbers, OverviewPoint, OverviewRead
from studio import environments, session
from studio.components.elements import empty, framed_table, link, link_button, segments
from studio.components.live import Pulse
from studio.formatting import duration, usd, zone_of
from studio.page_queries import one_of
from studio.pages.read_on_load import ReadOnLoad
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import Handled

REFRESH_S: Final = 30
PERIODS: Final = {
    "1d": ("24 hours", timedelta(days=1)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
    "90d": ("90 days", timedelta(days=90)),
}
_GROUPS: Final[dict[OverviewGroup, str]] = {
    "skill": "Skill",
    "version": "Version",
    "model": "Model",
    "environment": "Environment",
}
_DAY_S: Final = 86_400
_CHART_HEIGHT_PX: Final = 190
_AXIS_WIDTH_PX: Final = 74
"""Wide enough for a millionth of a dollar."""


@dataclass
class Tile:
    """A number of the period."""

    name: str
    value: str
    detail: str


@dataclass
class Row:
    """A group of the breakdown."""

    name: str
    href: str
    """The jobs of the group; empty if the list of jobs has no such filter."""
    jobs: str
    success: str
    p50: str
    p95: str
    cost: str
    tokens: str


class Monitoring(ReadOnLoad, rx.State):
    """The numbers of the selected period."""

    period: str = "7d"
    group: str = "skill"
    environment: str = ""
    """Empty: all environments."""
    tiles: list[Tile] = []
    points: list[dict[str, Any]] = []
    """A point of each chart for each time slot."""
    rows: list[Row] = []
    has_jobs: bool = False

    @rx.event
    def pick_period(self, period: str) -> Handled:
        """Select a period."""
        return self._to(period=period)

    @rx.event
    def pick_group(self, group: str) -> Handled:
        """Select the groups of the table."""
        return self._to(by=group)

    @rx.event
    def pick_environment(self, environment: str) -> Handled:
        """Select an environment."""
        return self._to(environment=environment)

    def _to(self, **changes: str) -> Any:
        chosen = {"period": self.period, "by": self.group, "environment": self.environment, **changes}
        query = "&".join(f"{name}={value}" for name, value in chosen.items() if value)
        return rx.redirect(f"/p/{self.project}/monitoring?{query}")

    def _choose(self) -> None:
        chosen = self.router.url.query_parameters
        self.period = one_of(chosen.get("period", ""), PERIODS, "7d")
        self.group = one_of(chosen.get("by", ""), _GROUPS, "skill")
        self.environment = one_of(chosen.get("environment", ""), ENVIRONMENTS, "")

    async def _read(self) -> None:
        until = now()
        environment = next((one for one in ENVIRONMENTS if one == self.environment), None)
        group = next((one for one in get_args(OverviewGroup) if one == self.group), None)
        query = OverviewQuery.of(until - PERIODS[self.period][1], until, environment=environment)
        async with session.acting(self, self.project) as act:
            found = await overview.read(act.session, act.principal, query, group)
        self.has_jobs = found.total.summary.jobs > 0
        self.tiles = _tiles(found.total.summary)
        zone = (await self.get_state(Shell)).time_zone
        self.points = [_point(one, found.step_s, zone) for one in found.total.points]
        self.rows = _rows(found, f"/p/{self.project}/jobs", self.group)


def _tiles(summary: OverviewNumbers) -> list[Tile]:
    ended = summary.succeeded + summary.failed
    read = summary.input_tokens + summary.cache_read_tokens + summary.cache_write_tokens
    return [
        Tile("Jobs", f"{summary.jobs:,}", f"{summary.failed:,} failed"),
        Tile("Success rate", _percent(summary.succeeded, ended), f"{summary.succeeded:,} of {ended:,}"),
        Tile("Duration", _seconds(summary.p50_s), f"95th percentile {_seconds(summary.p95_s)}"),
        Tile("Spend", usd(summary.cost_micros), _each(summary)),
        Tile("Tokens", f"{read + summary.output_tokens:,}", f"{summary.output_tokens:,} written by models"),
        Tile("Cache hits", _percent(summary.cache_read_tokens, read), "of the tokens that models read"),
    ]


def _each(summary: OverviewNumbers) -> str:
    return f"{usd(round(summary.cost_micros / summary.jobs))} per job" if summary.jobs else ""


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _seconds(value: float | None) -> str:
    return "–" if value is None else duration(value)


def _point(point: OverviewPoint, step_s: int, zone: str) -> dict[str, Any]:
    return {
        "at": _label(point.starts_at, step_s, zone),
        "Succeeded": point.succeeded,
        "Failed": point.failed,
        "Canceled": point.jobs - point.succeeded - point.failed,
        "Median": point.p50_s,
        "95th percentile": point.p95_s,
        "Spend": point.cost_micros / 1e6,
        "Input": (point.input_tokens + point.cache_write_tokens) / 1_000,
        "From cache": point.cache_read_tokens / 1_000,
        "Output": point.output_tokens / 1_000,
    }


def _label(starts_at: datetime, step_s: int, zone: str) -> str:
    """Return the time of a slot in the time zone of the user, or the day in UTC, where slots of days start."""
    if step_s >= _DAY_S:
        return f"{starts_at.day} {starts_at:%b}"
    local = starts_at.astimezone(zone_of(zone))
    return f"{local.day} {local:%b} {local:%H:%M}"


def _rows(found: OverviewRead, jobs: str, group: str) -> list[Row]:
    return [
        Row(
            name=one.name,
            href=f"{jobs}?{group}={one.name}" if group in ("skill", "environment") else "",
            jobs=f"{one.summary.jobs:,}",
            success=_percent(one.summary.succeeded, one.summary.succeeded + one.summary.failed),
            p50=_seconds(one.summary.p50_s),
            p95=_seconds(one.summary.p95_s),
            cost=usd(one.summary.cost_micros),
            tokens=f"{_all_tokens(one.summary):,}",
        )
        for one in found.groups
    ]


def _all_tokens(summary: OverviewNumbers) -> int:
    return sum(
        (summary.input_tokens, summary.output_tokens, summary.cache_read_tokens, summary.cache_write_tokens)
    )


def page() -> rx.Component:
    """Render the selection, the numbers, the charts and the groups."""
    return shell(
        "monitoring",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Monitoring")],
        rx.el.h1("Monitoring", class_name="hidden-label"),
        rx.cond(
            Monitoring.is_loaded,
            rx.el.div(
                Pulse.create(seconds=REFRESH_S, on_tick=Monitoring.refresh),
                _selection(),
                rx.cond(Monitoring.has_jobs, _numbers(), _none()),
                class_name="scroll grow column",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _none() -> rx.Component:
    return empty(
        "chart-spline",
        "No jobs ended in this period",
        "This page shows success rate, duration, spend and tokens of the jobs of the project.",
        link_button("Run a skill", href="/p/" + Shell.project_slug, icon="play", kind="pri"),
    )


def _selection() -> rx.Component:
    return rx.el.div(
        segments(
            "Period",
            {name: label for name, (label, _) in PERIODS.items()},
            Monitoring.period,
            Monitoring.pick_period,
        ),
        rx.el.span(class_name="grow"),
        rx.el.label("Environment", html_for="environment", class_name="hidden-label"),
        rx.el.select(
            rx.el.option("All environments", value=""),
            *environments.options(),
            id="environment",
            value=Monitoring.environment,
            on_change=Monitoring.pick_environment,
            class_name="in",
            style={"width": "auto"},
        ),
        class_name="row wrap",
    )


def _numbers() -> rx.Component:
    return rx.fragment(
        rx.el.ul(
            rx.foreach(Monitoring.tiles, _tile), class_name="tiles small", aria_label="Numbers of the period"
        ),
        rx.el.div(
            _bars(
                "Jobs",
                {"Succeeded": "var(--ok-dot)", "Failed": "var(--fail-dot)", "Canceled": "var(--idle-dot)"},
                has_fractions=False,
            ),
            _lines(
                "Duration of jobs that succeeded (s)",
                {"Median": "var(--acc)", "95th percentile": "var(--wait-dot)"},
            ),
            _bars("Spend (USD)", {"Spend": "var(--acc)"}),
            _bars(
                "Tokens (thousands)",
                {"Input": "var(--acc)", "From cache": "var(--ok-dot)", "Output": "var(--wait-dot)"},
            ),
            class_name="charts",
        ),
        rx.el.div(
            rx.el.h2("By", class_name="cap"),
            segments(
                "Group by",
                {str(name): word for name, word in _GROUPS.items()},
                Monitoring.group,
                Monitoring.pick_group,
            ),
            class_name="row",
        ),
        framed_table(
            "Groups",
            [
                ("Name", "30%", ""),
                ("Jobs", "10%", "num"),
                ("Success", "12%", "num"),
                ("Median", "12%", "num"),
                ("95th percentile", "14%", "num"),
                ("Spend", "11%", "num"),
                ("Tokens", "11%", "num"),
            ],
            rx.foreach(Monitoring.rows, _row),
        ),
    )


def _tile(tile: rx.Var[Tile]) -> rx.Component:
    return rx.el.li(
        rx.el.div(tile.name, class_name="t2"),
        rx.el.div(tile.value, class_name="strong value"),
        rx.el.div(tile.detail, class_name="t3"),
        key=tile.name,
    )


def _bars(title: str, colors: dict[str, str], *, has_fractions: bool = True) -> rx.Component:
    """Return a chart of stacked bars, with a color for each series."""
    series = [
        rx.recharts.bar(
            data_key=name,
            fill=color,
            stroke=color,
            stack_id="all",
            is_animation_active=False,
            max_bar_size=28,
        )
        for name, color in colors.items()
    ]
    return _chart(title, rx.recharts.bar_chart, series, colors, has_fractions=has_fractions)


def _lines(title: str, colors: dict[str, str]) -> rx.Component:
    """Return a chart of lines, with a color for each series."""
    series = [
        rx.recharts.line(
            data_key=name,
            stroke=color,
            type_="monotone",
            dot={"r": 2},  # a single value has no line
            connect_nulls=True,
            is_animation_active=False,
            stroke_width=2,
        )
        for name, color in colors.items()
    ]
    return _chart(title, rx.recharts.line_chart, series, colors)


def _chart(
    title: str,
    kind: Any,
    series: list[rx.Component],
    colors: dict[str, str],
    *,
    has_fractions: bool = True,
) -> rx.Component:
    axis = {"stroke": "var(--t3)", "font_size": 11, "tick_line": False, "axis_line": False}
    return rx.el.figure(
        rx.el.figcaption(
            rx.el.span(title, class_name="strong grow"),
            *[
                rx.el.span(rx.el.i(style={"background": color}), name, class_name="t2 series")
                for name, color in colors.items()
                if len(colors) > 1
            ],
            class_name="row wrap",
        ),
        kind(
            rx.recharts.cartesian_grid(vertical=False, stroke="var(--line)"),
            rx.recharts.x_axis(data_key="at", min_tick_gap=40, **axis),
            rx.recharts.y_axis(width=_AXIS_WIDTH_PX, allow_decimals=has_fractions, **axis),
            rx.recharts.graphing_tooltip(
                cursor={"fill": "var(--bg-hover)"},
                content_style={
                    "background": "var(--bg-raise)",
                    "border": "1px solid var(--line-2)",
                    "border_radius": "6px",
                    "font_size": "12px",
                },
            ),
            *series,
            data=Monitoring.points,
            height=_CHART_HEIGHT_PX,
            margin={"top": 8, "right": 8, "bottom": 0, "left": 0},
        ),
        class_name="pane",
    )


def _row(row: rx.Var[Row]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(rx.cond(row.href != "", link(row.name, href=row.href), row.name), class_name="cut"),
        *[
            rx.el.td(value, class_name="num")
            for value in (row.jobs, row.success, row.p50, row.p95, row.cost, row.tokens)
        ],
        key=row.name,
    )
