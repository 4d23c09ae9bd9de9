"""The alert rules of the project, with their state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, get_args
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid
from backend.integrations.alerts import service
from backend.integrations.alerts.schemas import AlertCreate, AlertUpdate
from backend.integrations.alerts.tables import AlertRule, Metric
from studio import environments, session
from studio.components.elements import button, field, form_end, link, section, tag
from studio.components.live import Ago, Confirm, Pulse
from studio.formatting import duration
from studio.forms import number, parsed, said, text
from studio.pages.read_on_load import ReadOnLoad
from studio.pages.settings.from_code import none_yet
from studio.shell import Shell
from studio.typing_of_reflex import as_var

REFRESH_S: Final = 5
_NAMES: Final[dict[Metric, str]] = {
    "error_rate": "Error rate (%)",
    "latency_p95": "Latency, 95th percentile (s)",
    "spend": "Spend (USD)",
    "queue_age": "Waiting time in the queue (s)",
    "new_errors": "New failure clusters (number)",
}
_WINDOWS: Final = {
    5: "5 minutes",
    15: "15 minutes",
    60: "1 hour",
    360: "6 hours",
    1_440: "1 day",
    10_080: "7 days",
}


@dataclass
class AlertRow:
    """The data of an alert rule in the list and in its form."""

    id: str
    name: str
    metric: str
    threshold: str
    skill: str
    environment: str
    window_minutes: str
    min_jobs: str
    is_enabled: bool
    is_raised: bool
    condition: str
    value: str
    """The last value as text; empty if there is none."""
    since: str
    """The time of the last change of the state."""


NO_RULE: Final = AlertRow("", "", "error_rate", "10", "", "", "60", "5", True, False, "", "", "")


class Alerts(ReadOnLoad, rx.State):
    """The alert rules of a project."""

    rows: list[AlertRow] = []
    is_making: bool = False
    changed: AlertRow = NO_RULE
    """The rule in the form; its ID is empty for a new one."""
    metric: str = "error_rate"
    """The metric that is selected in the form."""
    problem: str = ""

    @rx.event
    def begin(self) -> None:
        """Show the form for a new rule."""
        self._show(NO_RULE)

    @rx.event
    def edit(self, alert_id: str) -> None:
        """Show the form of an existing rule."""
        self._show(next(row for row in self.rows if row.id == alert_id))

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.is_making, self.problem = False, ""

    @rx.event
    def pick_metric(self, metric: str) -> None:
        """Show the fields of a metric."""
        self.metric = metric

    @rx.event
    async def save(self, typed: dict[str, Any]) -> None:
        """Create or change a rule."""
        self.problem = ""
        body = _body(typed)
        try:
            async with session.acting(self, self.project, once=typed) as act:
                if self.changed.id:
                    changes = parsed(AlertUpdate, {name: body[name] for name in body if name != "metric"})
                    await service.change(act.session, act.principal, UUID(self.changed.id), changes)
                else:
                    await service.create(act.session, act.principal, parsed(AlertCreate, body))
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return
        self.is_making = False
        await self._read()

    @rx.event
    async def switch(self, alert_id: str, is_on: bool) -> None:
        """Switch a rule on or off."""
        async with session.acting(self, self.project) as act:
            changes = AlertUpdate(enabled=is_on)
            await service.change(act.session, act.principal, UUID(alert_id), changes)
        await self._read()

    @rx.event
    async def delete(self, alert_id: str) -> None:
        """Delete a rule."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, UUID(alert_id))
        await self._read()

    def _show(self, row: AlertRow) -> None:
        self.is_making, self.problem, self.changed, self.metric = True, "", row, row.metric

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await service.list_all(act.session, act.principal)
        rows = [_row(one) for one in found]
        if rows != self.rows:
            self.rows = rows


def _body(typed: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": text(typed, "name"),
        "metric": text(typed, "metric"),
        "threshold": text(typed, "threshold"),
        "skill": text(typed, "skill") or None,
        "environment": text(typed, "environment") or None,
    }
    for name in ("window_minutes", "min_jobs"):  # the form of `queue_age` has neither
        if name in typed:
            body[name] = number(typed, name)
    return body


def _row(rule: AlertRule) -> AlertRow:
    return AlertRow(
        id=str(rule.id),
        name=rule.name,
        metric=rule.metric,
        threshold=f"{rule.threshold:g}",
        skill=rule.skill or "",
        environment=rule.environment or "",
        window_minutes=str(rule.window_minutes),
        min_jobs=str(rule.min_jobs),
        is_enabled=rule.enabled,
        is_raised=rule.state == "raised",
        condition=_condition(rule),
        value=_value(rule),
        since=rule.state_changed_at.isoformat() if rule.state_changed_at else "",
    )


def _condition(rule: AlertRule) -> str:
    """Return the condition as text, such as `error rate ≥ 10 % in 1 hour, skill report, staging`."""
    window = _WINDOWS.get(rule.window_minutes, f"{rule.window_minutes} minutes")
    what = {
        "error_rate": f"Error rate ≥ {rule.threshold:g} % in {window}",
        "latency_p95": f"95th percentile of the latency ≥ {duration(rule.threshold)} in {window}",
        "spend": f"Spend ≥ ${rule.threshold:,.2f} in {window}",
        "queue_age": f"A job waits ≥ {duration(rule.threshold)} in the queue",
        "new_errors": f"New failure clusters ≥ {rule.threshold:g} in {window}",
    }[rule.metric]
    return ", ".join(
        [
            what,
            *([f"skill {rule.skill}"] if rule.skill else []),
            *([rule.environment] if rule.environment else []),
        ]
    )


def _value(rule: AlertRule) -> str:
    """Return the last value as text; it says why there is none."""
    if rule.evaluated_at is None or not rule.enabled:
        return ""
    if rule.metric == "queue_age" and not rule.jobs:
        return "no job waits"
    jobs = f"{rule.jobs:,} job{'' if rule.jobs == 1 else 's'}"
    if rule.value is None:
        return f"{jobs}, fewer than {rule.min_jobs}"
    shown = {
        "error_rate": f"{rule.value:.1f} %",
        "latency_p95": duration(rule.value),
        "spend": f"${rule.value:,.2f}",
        "queue_age": duration(rule.value),
        "new_errors": f"{rule.value:.0f}",
    }[rule.metric]
    return f"{shown} ({jobs})"


def pane() -> rx.Component:
    """Render the alert rules and the form."""
    new = rx.cond(
        Shell.can_write,
        button("New alert", icon="plus", kind="pri", on_click=Alerts.begin, disabled=Alerts.is_making),
    )
    title = rx.cond(Alerts.changed.id != "", "Edit alert", "New alert")
    shown = rx.fragment(
        Pulse.create(seconds=REFRESH_S, on_tick=Alerts.refresh),
        rx.cond(Alerts.is_making, section(title, _form())),
        section(
            "Alerts",
            rx.cond(
                as_var(Alerts.rows).length() > 0,
                rx.fragment(
                    rx.el.ul(rx.foreach(Alerts.rows, _rule), class_name="entries", aria_label="Alerts"),
                    _receivers(),
                ),
                _none(),
            ),
            actions=[new],
        ),
    )
    return rx.cond(Alerts.is_loaded, shown, rx.el.p("Loading…", class_name="skeleton"))


def _none() -> rx.Component:
    return none_yet(
        "No alerts yet. An alert measures the jobs of this project: errors, latency, spend, or the waiting time in the "
        "queue. It sends an event when its threshold is reached, and one when the value is below it again.",
    )


def _receivers() -> rx.Component:
    return rx.el.p(
        "Alerts are sent to ",
        link("webhooks", href="/p/" + Shell.project_slug + "/settings/webhooks"),
        " for the events alert.raised and alert.resolved: to your server, to a chat, or by e-mail.",
        class_name="t3",
        style={"margin_top": "10px"},
    )


def _rule(row: rx.Var[AlertRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.name, class_name="strong cut", title=row.name),
            rx.cond(
                row.is_enabled,
                rx.cond(row.is_raised, tag("raised", state="fail"), tag("ok", state="ok")),
                tag("off"),
            ),
            rx.cond(
                row.is_enabled & (row.since != ""),
                rx.el.span("since ", Ago.create(moment=row.since), class_name="t3"),
            ),
            rx.el.span(class_name="grow"),
            rx.cond(Shell.can_write, _acts(row)),
            class_name="row wrap",
        ),
        rx.el.p(row.condition, class_name="t2"),
        rx.cond(row.value != "", rx.el.p("Now: ", row.value, class_name="t3")),
        key=row.id,
    )


def _acts(row: rx.Var[AlertRow]) -> rx.Component:
    return rx.fragment(
        button("Edit", kind="small", on_click=Alerts.edit(row.id)),
        rx.cond(
            row.is_enabled,
            button("Switch off", kind="small", on_click=Alerts.switch(row.id, False)),
            button("Switch on", kind="small", on_click=Alerts.switch(row.id, True)),
        ),
        Confirm.create(
            label="Delete",
            kind="small danger",
            title="Delete the alert?",
            text="The rule "
            + row.name
            + " is deleted. Events that were sent stay in the log of the webhooks.",
            confirm="Delete alert",
            on_confirm=Alerts.delete(row.id),
        ),
    )


def _form() -> rx.Component:
    row = Alerts.changed
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            max_length=200,
            default_value=row.name,
            placeholder="Nightly report fails",
            required=True,
            auto_complete="off",
            auto_focus=True,
        ),
        field(
            "Metric",
            "metric",
            rx.el.select,
            *[rx.el.option(_NAMES[name], value=name) for name in get_args(Metric)],
            value=Alerts.metric,
            on_change=Alerts.pick_metric,
            disabled=row.id != "",
        ),
        rx.el.div(
            field(
                "Threshold",
                "threshold",
                rx.el.input,
                type="number",
                min=0,
                step="any",
                default_value=row.threshold,
                required=True,
                hint="The alert is raised while the value is not below it.",
            ),
            rx.cond(Alerts.metric != "queue_age", _window(row)),
            rx.cond((Alerts.metric == "error_rate") | (Alerts.metric == "latency_p95"), _min_jobs(row)),
            class_name="two",
        ),
        rx.el.div(
            field(
                "Skill",
                "skill",
                rx.el.input,
                default_value=row.skill,
                hint="Leave empty for all skills.",
                class_name="in mono",
                auto_complete="off",
                spell_check=False,
            ),
            field(
                "Environment",
                "environment",
                rx.el.select,
                rx.el.option("All environments", value=""),
                *environments.options(),
                default_value=row.environment,
            ),
            class_name="two",
        ),
        *form_end(Alerts.problem, rx.cond(row.id != "", "Save", "Create alert"), Alerts.cancel),
        on_submit=Alerts.save,
        key=row.id,
        class_name="form",
    )


def _window(row: rx.Var[AlertRow]) -> rx.Component:
    return field(
        "Time window",
        "window_minutes",
        rx.el.select,
        *[rx.el.option(label, value=str(minutes)) for minutes, label in _WINDOWS.items()],
        default_value=row.window_minutes,
        hint="Jobs that ended within this time count.",
    )


def _min_jobs(row: rx.Var[AlertRow]) -> rx.Component:
    return field(
        "Minimum number of jobs",
        "min_jobs",
        rx.el.input,
        type="number",
        min=1,
        step=1,
        default_value=row.min_jobs,
        hint="With fewer jobs in the window, the alert is not raised.",
    )
