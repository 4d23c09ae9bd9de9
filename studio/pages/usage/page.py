"""The balance, spend, budgets and transactions of the project; operators can add credit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import reflex as rx

from backend.administration.admin import accounts
from backend.core.db.paging import MAX_PAGE_SIZE, Page
from backend.core.errors import Conflict, Invalid
from backend.usage import queries, usage
from backend.usage.schemas import LedgerLine, UsageRow
from studio import session
from studio.author_names import name_keys
from studio.components.elements import button, framed_table, link, section, segments, way_out
from studio.components.live import Ago
from studio.formatting import usd
from studio.forms import said
from studio.pages import top_up
from studio.pages.usage.budgets import Budgets, budgets
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import Handled, as_var

_DAYS: Final = 30
_LEDGER_LINES: Final = 25
_GROUPS: Final = {
    "skill": "Skill",
    "model": "Model",
    "key": "API key",
    "version": "Version",
}
_KINDS: Final = {"top_up": "Credit", "charge": "Job", "adjustment": "Adjustment"}


@dataclass
class Bar:
    """A day of the chart."""

    day: str
    label: str
    height: str
    """The spend in percent of the day with the highest spend."""


@dataclass
class Row:
    """A row of the breakdown."""

    name: str
    jobs: str
    failed: str
    cost: str
    percent: str


@dataclass
class Entry:
    """A transaction of the wallet."""

    kind: str
    note: str
    job: str
    amount: str
    by: str
    at: str


class Usage(rx.State):
    """The state of the usage page."""

    balance: str = ""
    available: str = ""
    reserved: str = ""
    today: str = ""
    month: str = ""
    peak: str = ""
    """The highest spend of one day in the chart."""
    since: str = ""
    """The first day of the chart."""
    bars: list[Bar] = []
    group: str = "skill"
    rows: list[Row] = []
    entries: list[Entry] = []
    is_operator: bool = False
    is_topping_up: bool = False
    problem: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self) -> Handled:
        """Load the data of the page."""
        self.reset()
        requested = self.router.url.query_parameters.get("by", "")
        self.group = requested if requested in _GROUPS else "skill"
        async with session.acting(self, self.project) as act:
            wallet = await queries.balance(act.session, act.principal)
            self.balance, self.available = usd(wallet.balance_micros), usd(wallet.available_micros)
            self.reserved = usd(wallet.reserved_micros)
            days = await _usage(act, "day", first_moment(datetime.now(UTC)))
            rows = _rows(await _usage(act, self.group))
            await name_keys(act, rows, "name")
            self.rows = rows
            self.is_operator = act.person.is_operator
            lines = await queries.entries(act.session, act.principal, limit=_LEDGER_LINES)
            entries = [_entry(line, self.project) for line in lines]
            await name_keys(act, entries, "by")
            self.entries = entries
        spent = {row.group: row.cost_micros for row in days}
        last = datetime.now(UTC).date()
        self.bars = _bars(spent, last)
        self.since = self.bars[0].label.partition(":")[0]
        self.peak = usd(max(spent.values(), default=0))
        self.today = usd(spent.get(last.isoformat(), 0))
        this_month = last.isoformat()[:7]
        self.month = usd(sum(micros for day, micros in spent.items() if day.startswith(this_month)))
        self.is_loaded = True
        return Budgets.load

    @rx.event
    def begin_top_up(self) -> None:
        """Show the form that adds credit to the wallet."""
        self.is_topping_up, self.problem = True, ""

    @rx.event
    def cancel_top_up(self) -> None:
        """Close the form."""
        self.is_topping_up = False

    @rx.event
    async def add_credit(self, typed: dict[str, Any]) -> Handled:
        """Add credit to the wallet as an operator; jobs that wait for credit then start."""
        self.problem = ""
        try:
            body = top_up.parse(typed)
            async with session.acting(self, self.project, once=typed) as act:
                await accounts.top_up(act.session, act.person, self.project, body)
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return None
        return [Shell.enter, Usage.load]

    @rx.event
    def pick_group(self, group: str) -> Handled:
        """Group the spend by another field."""
        return rx.redirect(f"/p/{self.project}/usage?by={group}", replace=True)


def first_moment(of: datetime) -> datetime:
    """Return the start of the period that the page covers: the first day of the chart or of the month, if earlier."""
    midnight = of.replace(hour=0, minute=0, second=0, microsecond=0)
    return min(midnight.replace(day=1), midnight - timedelta(days=_DAYS - 1))


async def _usage(act: session.Act, group: str, since: datetime | None = None) -> Sequence[UsageRow]:
    query = usage.UsageQuery.of(group, since, None)
    return (await usage.usage(act.session, act.principal, query, Page(MAX_PAGE_SIZE))).items


def _bars(spent: dict[str, int], last: date) -> list[Bar]:
    days = [last - timedelta(days=back) for back in reversed(range(_DAYS))]
    peak = max((spent.get(day.isoformat(), 0) for day in days), default=0)
    return [
        Bar(
            day=day.isoformat(),
            label=f"{day:%a} {day.day} {day:%b}: {usd(spent.get(day.isoformat(), 0))}",
            height=f"{100 * spent.get(day.isoformat(), 0) / peak if peak else 0:.1f}%",
        )
        for day in days
    ]


def _rows(rows: Sequence[UsageRow]) -> list[Row]:
    ordered = sorted(rows, key=lambda row: -row.cost_micros)
    total = sum(row.cost_micros for row in rows) or 1
    return [
        Row(
            name=row.group or "None",
            jobs=f"{row.jobs:,}",
            failed=f"{row.failed:,}" if row.failed else "",
            cost=usd(row.cost_micros),
            percent=f"{100 * row.cost_micros / total:.0f}%",
        )
        for row in ordered
    ]


def _entry(line: LedgerLine, project: str) -> Entry:
    return Entry(
        kind=_KINDS.get(line.kind, line.kind.replace("_", " ").capitalize()),
        note=line.note,
        job=f"/p/{project}/jobs/{line.job_id}" if line.job_id else "",
        amount=usd(line.amount_micros),
        by=line.created_by,
        at=line.created_at.isoformat(),
    )


def page() -> rx.Component:
    """Render the key figures, the spend, the budgets and the transactions."""
    return shell(
        "usage",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Usage")],
        rx.cond(
            Usage.is_loaded,
            rx.el.div(
                rx.el.h1("Usage and billing", class_name="hidden-label"),
                _numbers(),
                rx.cond(Usage.is_operator, _top_up()),
                section("Spend by day", _chart()),
                section("Spend breakdown", _breakdown(), actions=[_groups()]),
                budgets(),
                section("Transactions", _ledger(), actions=[_download()]),
                class_name="scroll grow column",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _numbers() -> rx.Component:
    pairs = (
        ("Balance", Usage.balance),
        ("Available", Usage.available),
        ("Reserved for running jobs", Usage.reserved),
        ("Spend today", Usage.today),
        ("Spend this month", Usage.month),
    )
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(name), rx.el.dd(value, class_name="num")) for name, value in pairs],
        class_name="numbers",
    )


def _top_up() -> rx.Component:
    return rx.cond(
        Usage.is_topping_up,
        rx.el.div(
            top_up.form(Shell.project_slug, Usage.add_credit, Usage.cancel_top_up, Usage.problem),
            class_name="card",
        ),
        rx.el.div(button("Add credit", icon="plus", kind="pri", on_click=Usage.begin_top_up)),
    )


def _chart() -> rx.Component:
    days = rx.el.ol(
        rx.foreach(
            Usage.bars,
            lambda bar: rx.el.li(
                rx.el.i(style={"height": bar.height}, aria_hidden="true"),
                rx.el.span(bar.label, class_name="hidden-label"),
                title=bar.label,
                key=bar.day,
            ),
        ),
        class_name="bars",
        aria_label="Spend on each of the last 30 days",
    )
    axis = rx.el.div(
        rx.el.span(Usage.since),
        rx.el.span("Daily peak: ", Usage.peak, class_name="grow", style={"text_align": "center"}),
        rx.el.span("Today"),
        class_name="row cap",
        style={"margin_top": "6px"},
        aria_hidden="true",
    )
    return rx.fragment(days, axis)


def _groups() -> rx.Component:
    return segments("Group by", _GROUPS, Usage.group, Usage.pick_group)


def _breakdown() -> rx.Component:
    columns = [
        ("Name", "40%", ""),
        ("Jobs", "12%", "num"),
        ("Failed", "12%", "num"),
        ("Cost", "14%", "num"),
        ("Share", "22%", ""),
    ]
    return rx.cond(
        as_var(Usage.rows).length() > 0,
        framed_table("Spend breakdown", columns, rx.foreach(Usage.rows, _row)),
        rx.el.p("No jobs have finished in the last 30 days.", class_name="t2"),
    )


def _row(row: rx.Var[Row]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.name, title=row.name),
        rx.el.td(row.jobs, class_name="num"),
        rx.el.td(row.failed, class_name="num t2"),
        rx.el.td(row.cost, class_name="num"),
        rx.el.td(rx.el.span(rx.el.i(style={"width": row.percent}), class_name="share", title=row.percent)),
        key=row.name,
    )


def _download() -> rx.Component:
    return way_out(
        rx.icon("download", size=14),
        "Download CSV",
        href="/v1/billing/ledger/export?project=" + Shell.project_slug,
        custom_attrs={"download": True},
        class_name="btn",
    )


def _ledger() -> rx.Component:
    columns = [
        ("Type", "16%", ""),
        ("Note", "34%", ""),
        ("Created by", "20%", ""),
        ("Amount", "14%", "num"),
        ("Time", "16%", "num"),
    ]
    return rx.cond(
        as_var(Usage.entries).length() > 0,
        framed_table("Transactions", columns, rx.foreach(Usage.entries, _entry_row)),
        rx.el.p("No transactions yet.", class_name="t2"),
    )


def _entry_row(entry: rx.Var[Entry]) -> rx.Component:
    kind: Any = rx.cond(entry.job != "", link(entry.kind, href=entry.job), entry.kind)
    return rx.el.tr(
        rx.el.td(kind),
        rx.el.td(entry.note, class_name="t2", title=entry.note),
        rx.el.td(entry.by, class_name="t2", title=entry.by),
        rx.el.td(entry.amount, class_name="num"),
        rx.el.td(Ago.create(moment=entry.at), class_name="num t3"),
    )
