"""The form that creates or changes a budget."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from backend.core.db.paging import MAX_PAGE_SIZE, Page
from backend.identity.api_keys import keys
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.components.elements import field, form_end
from studio.environments import NAMES
from studio.skills import active_skills

SCOPES: Final = {
    "project": "Whole project",
    "environment": "One environment",
    "skillpack": "One skillpack",
    "skill": "One skill",
    "key": "One API key",
}
WINDOWS: Final = {
    "day": "Day (from midnight UTC)",
    "month": "Month",
    "rolling30": "Last 30 days (rolling)",
    "total": "Total (never reset)",
}


class BudgetForm(rx.State):
    """The options and values of the form."""

    id: str = ""
    """The ID of the budget; empty for a new one."""
    name: str = ""
    scope: str = "project"
    window: str = "month"
    limit: str = ""
    """The limit in US dollars."""
    alert_pct: str = "80"
    enforce: bool = True
    choices: list[dict[str, str]] = []
    """The skillpacks, skills or API keys that can be selected for the scope, as `{value, label}`."""

    @rx.event
    def begin(self) -> None:
        """Show an empty form."""
        self.reset()

    @rx.event
    def edit(self, filled: dict[str, Any]) -> None:
        """Show the form of an existing budget."""
        self.reset()
        self.id, self.name, self.window = filled["id"], filled["name"], filled["window"]
        self.limit, self.alert_pct, self.enforce = filled["limit_usd"], filled["alert_pct"], filled["enforce"]

    @rx.event
    async def pick_scope(self, scope: str) -> None:
        """Select the scope, and load the options for its target."""
        self.scope = scope if scope in SCOPES else "project"
        async with session.acting(self, self.project) as act:
            if self.scope == "environment":
                found = list(NAMES.items())
            elif self.scope == "skillpack":
                packs = await skillpacks.list_(act.session, act.principal)
                found = [(pack.slug, pack.slug) for pack in packs]
            elif self.scope == "skill":
                found = [(one.full_name, one.full_name) for one in await active_skills(act)]
            elif self.scope == "key":
                listed = await keys.list_keys(act.session, act.principal, Page(limit=MAX_PAGE_SIZE))
                usable = [key for key in listed.items if key.revoked_at is None]
                found = [(str(key.id), f"{key.name or 'Unnamed'} ({key.prefix})") for key in usable]
            else:
                found = []
        self.choices = [{"value": value, "label": label} for value, label in found]


def form(on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Render the form with the scope, limit, period and effect of a budget."""
    is_new = BudgetForm.id == ""
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            hint="Appears in the errors of rejected jobs.",
            default_value=BudgetForm.name,
            max_length=100,
            required=True,
            placeholder="Month",
            auto_complete="off",
            auto_focus=True,
        ),
        rx.cond(is_new, _scope()),
        rx.el.div(
            field(
                "Limit (USD)",
                "limit_usd",
                rx.el.input,
                type="number",
                min=0.000001,
                step="any",
                default_value=BudgetForm.limit,
                required=True,
            ),
            field(
                "Period",
                "window",
                rx.el.select,
                *[rx.el.option(label, value=value) for value, label in WINDOWS.items()],
                default_value=BudgetForm.window,
            ),
            field(
                "Alert at (%)",
                "alert_pct",
                rx.el.input,
                hint="Webhooks receive budget.alert once per period. Leave empty for no alert.",
                type="number",
                min=1,
                max=100,
                default_value=BudgetForm.alert_pct,
            ),
            class_name="three",
        ),
        rx.el.label(
            rx.el.input(type="checkbox", name="enforce", default_checked=BudgetForm.enforce),
            rx.el.span("Reject jobs when the budget is used up. Otherwise, the budget only sends alerts."),
            class_name="check",
        ),
        *form_end(problem, rx.cond(is_new, "Create budget", "Save"), on_cancel),
        on_submit=on_submit,
        key=BudgetForm.id,
        class_name="form",
    )


def _scope() -> rx.Component:
    return rx.el.div(
        field(
            "Scope",
            "scope",
            rx.el.select,
            *[rx.el.option(label, value=value) for value, label in SCOPES.items()],
            value=BudgetForm.scope,
            on_change=BudgetForm.pick_scope,
        ),
        rx.cond(
            BudgetForm.scope != "project",
            field(
                "Target",
                "target",
                rx.el.select,
                rx.foreach(BudgetForm.choices, lambda one: rx.el.option(one["label"], value=one["value"])),
                key="target" + BudgetForm.scope,
            ),
        ),
        class_name="three",
    )
