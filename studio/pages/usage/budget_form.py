"""The form of a budget, new or changed."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from backend.core.db.paging import MOST, Page
from backend.identity.api_keys import keys
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.components.elements import field, form_end
from studio.skills import active_skills

SCOPES: Final = {
    "project": "The whole project",
    "skillpack": "One skillpack",
    "skill": "One skill",
    "key": "One API key",
}
WINDOWS: Final = {
    "day": "Each day, from midnight UTC",
    "month": "Each month",
    "rolling30": "Any 30 days",
    "total": "In all, once",
}


class BudgetForm(rx.State):
    """What the form of a budget offers, and is filled with."""

    id: str = ""
    """Of the budget that is changed; empty: a new one."""
    name: str = ""
    scope: str = "project"
    window: str = "month"
    limit: str = ""
    """US dollars."""
    alert_pct: str = "80"
    enforce: bool = True
    choices: list[dict[str, str]] = []
    """What can be named within the scope: `{value, label}`."""

    @rx.event
    def begin(self):
        """An empty form."""
        self.reset()

    @rx.event
    def edit(self, filled: dict[str, Any]):
        """The form of one that there is."""
        self.reset()
        self.id, self.name, self.window = filled["id"], filled["name"], filled["window"]
        self.limit, self.alert_pct, self.enforce = filled["limit_usd"], filled["alert_pct"], filled["enforce"]

    @rx.event
    async def pick_scope(self, scope: str):
        """Offer what can be named within the scope."""
        self.scope = scope if scope in SCOPES else "project"
        async with session.acting(self, self.project) as act:
            if self.scope == "skillpack":
                packs = await skillpacks.list_(act.session, act.principal)
                found = [(pack.slug, pack.slug) for pack in packs]
            elif self.scope == "skill":
                found = [(one.full_name, one.full_name) for one in await active_skills(act)]
            elif self.scope == "key":
                listed = await keys.list_keys(act.session, act.principal, Page(limit=MOST))
                usable = [key for key in listed.items if key.revoked_at is None]
                found = [(str(key.id), f"{key.name or 'no name'} ({key.prefix})") for key in usable]
            else:
                found = []
        self.choices = [{"value": value, "label": label} for value, label in found]


def form(on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Whose jobs, how much, in what time, and what happens then."""
    is_new = BudgetForm.id == ""
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            hint="Who is refused reads it.",
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
                "Most dollars",
                "limit_usd",
                rx.el.input,
                type="number",
                min=0.000001,
                step="any",
                default_value=BudgetForm.limit,
                required=True,
            ),
            field(
                "In",
                "window",
                rx.el.select,
                *[rx.el.option(label, value=value) for value, label in WINDOWS.items()],
                default_value=BudgetForm.window,
            ),
            field(
                "Tell at, in percent",
                "alert_pct",
                rx.el.input,
                hint="Webhooks get budget.alert once a window. Empty: never.",
                type="number",
                min=1,
                max=100,
                default_value=BudgetForm.alert_pct,
            ),
            class_name="three",
        ),
        rx.el.label(
            rx.el.input(type="checkbox", name="enforce", default_checked=BudgetForm.enforce),
            rx.el.span("Refuse jobs once it is used up; else it only tells"),
            class_name="check",
        ),
        *form_end(problem, rx.cond(is_new, "Make the budget", "Save"), on_cancel),
        on_submit=on_submit,
        key=BudgetForm.id,
        class_name="form",
    )


def _scope() -> rx.Component:
    return rx.el.div(
        field(
            "What it holds",
            "scope",
            rx.el.select,
            *[rx.el.option(label, value=value) for value, label in SCOPES.items()],
            value=BudgetForm.scope,
            on_change=BudgetForm.pick_scope,
        ),
        rx.cond(
            BudgetForm.scope != "project",
            field(
                "Which one",
                "target",
                rx.el.select,
                rx.foreach(BudgetForm.choices, lambda one: rx.el.option(one["label"], value=one["value"])),
                key="target" + BudgetForm.scope,
            ),
        ),
        class_name="three",
    )
