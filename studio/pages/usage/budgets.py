"""The budgets of a project: how full each is, what happens when it is reached, making and changing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing
from backend.money.budgets import service
from backend.money.budgets.schemas import BudgetCreate, BudgetRead, BudgetUpdate
from studio import session
from studio.components.elements import button, note, section, tag
from studio.components.live import Confirm
from studio.formatting import usd
from studio.forms import micros, number, parsed, said, text
from studio.pages.usage.budget_form import BudgetForm, form
from studio.shell import Shell

_WINDOWS: Final = {"day": "a day", "month": "a month", "rolling30": "in any 30 days", "total": "in all"}


@dataclass
class BudgetRow:
    """A budget and how full it is."""

    id: str
    name: str
    what: str
    used: str
    limit: str
    percent: str
    state: str
    """`wait` when its alert was passed, `fail` when it is reached."""
    then: str
    """What happens when it is reached, or happens now."""
    parts: str
    """What it is made of."""
    window: str
    limit_usd: str
    alert_pct: str
    enforce: bool


class Budgets(rx.State):
    """The budgets of a project."""

    rows: list[BudgetRow] = []
    is_making: bool = False
    problem: str = ""

    @rx.event
    async def load(self):
        """Read how they stand."""
        self.reset()
        await self._read()

    @rx.event
    def begin(self):
        """Show the form for a new one."""
        self.is_making, self.problem = True, ""
        return BudgetForm.begin

    @rx.event
    def edit(self, budget_id: str):
        """Show the form of one that there is."""
        self.is_making, self.problem = True, ""
        row = next(one for one in self.rows if one.id == budget_id)
        kept = ("id", "name", "window", "limit_usd", "alert_pct", "enforce")
        return BudgetForm.edit({name: getattr(row, name) for name in kept})

    @rx.event
    def cancel(self):
        """Change nothing."""
        self.is_making, self.problem = False, ""

    @rx.event
    async def save(self, typed: dict[str, Any]):
        """Make a budget, or change one."""
        self.problem = ""
        budget_id = (await self.get_state(BudgetForm)).id
        try:
            body = _body(typed)
            async with session.acting(self, self.project, once=typed) as act:
                if budget_id:
                    changes = parsed(BudgetUpdate, body)
                    await service.update(act.session, act.principal, UUID(budget_id), changes)
                else:
                    asked = parsed(BudgetCreate, {**body, **_scoped(typed)})
                    await service.create(act.session, act.principal, asked)
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return
        self.is_making = False
        await self._read()

    @rx.event
    async def delete(self, budget_id: str):
        """Forget a budget."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, UUID(budget_id))
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await service.list_all(act.session, act.principal)
        self.rows = [_row(one) for one in found]


def _body(typed: dict[str, Any]) -> dict[str, Any]:
    limit = micros(typed, "limit_usd")
    return {
        "name": text(typed, "name"),
        "window": text(typed, "window"),
        "limit_usd": None if limit is None else limit / 1e6,
        "alert_pct": number(typed, "alert_pct"),
        "enforce": bool(typed.get("enforce")),
    }


def _scoped(typed: dict[str, Any]) -> dict[str, Any]:
    """What the scope names, as the route takes it."""
    scope, target = text(typed, "scope"), text(typed, "target")
    named = {"skillpack": "skillpack", "skill": "skill", "key": "api_key_id"}.get(scope)
    return {"scope": scope, named: target} if named else {"scope": scope}


def _row(budget: BudgetRead) -> BudgetRow:
    percent = 100 * budget.used_micros / budget.limit_micros
    is_near = budget.alert_pct is not None and percent >= budget.alert_pct
    return BudgetRow(
        id=str(budget.id),
        name=budget.name,
        what=f"{_what(budget)}, {_WINDOWS[budget.window]}",
        used=usd(budget.used_micros),
        limit=usd(budget.limit_micros),
        percent=f"{min(100.0, percent):.0f}%",
        state="fail" if budget.is_reached else "wait" if is_near else "",
        then=_then(budget),
        parts=_parts(budget),
        window=budget.window,
        limit_usd=f"{budget.limit_micros / 1e6:f}".rstrip("0").rstrip("."),
        alert_pct="" if budget.alert_pct is None else str(budget.alert_pct),
        enforce=budget.enforce,
    )


def _what(budget: BudgetRead) -> str:
    if budget.scope == "skill":
        return f"The skill {budget.skill}"
    return {"project": "The whole project", "skillpack": "One skillpack", "key": "One API key"}[budget.scope]


def _then(budget: BudgetRead) -> str:
    until = f" until {budget.resets_at:%Y-%m-%d %H:%M} UTC" if budget.resets_at else " until it is raised"
    if budget.is_reached:
        return (
            f"Jobs are refused (402 budget_reached){until}."
            if budget.enforce
            else f"It is over{until}; jobs go on."
        )
    if budget.enforce:
        return f"When it is reached, jobs are refused (402 budget_reached){until}."
    return "When it is reached, jobs go on; it only tells."


def _parts(budget: BudgetRead) -> str:
    parts = (
        ("spent", budget.spent_micros),
        ("reserved for running jobs", budget.reserved_micros),
        ("forgiven", budget.forgiven_micros),
    )
    return ", ".join(f"{usd(amount)} {what}" for what, amount in parts if amount)


def budgets() -> rx.Component:
    """The budgets with their bars, and the form."""
    new = button("New budget", icon="plus", on_click=Budgets.begin, disabled=Budgets.is_making)
    title = rx.cond(BudgetForm.id != "", "Change the budget", "New budget")
    return rx.fragment(
        rx.cond(Budgets.is_making, section(title, form(Budgets.save, Budgets.cancel, Budgets.problem))),
        section(
            "Budgets",
            rx.cond(
                Budgets.rows.length() > 0,
                rx.el.ul(rx.foreach(Budgets.rows, _budget), class_name="entries", aria_label="Budgets"),
                note(
                    "No budget holds this project: its wallet alone does. A budget refuses jobs before they cost more."
                ),
            ),
            actions=[rx.cond(Shell.can_manage, new)],
        ),
    )


def _budget(row: rx.Var[BudgetRow]) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.name, class_name="strong cut"),
            rx.match(
                row.state,
                ("fail", tag("reached", state="fail")),
                ("wait", tag("nearly", state="wait")),
                rx.fragment(),
            ),
            rx.el.span(class_name="grow"),
            rx.el.span(row.used, " of ", row.limit, class_name="num"),
            rx.cond(Shell.can_manage, _acts(row)),
            class_name="row wrap",
        ),
        rx.el.span(
            rx.el.i(style={"width": row.percent}), class_name="share", custom_attrs={"data-s": row.state}
        ),
        rx.el.p(
            row.what,
            ". ",
            row.then,
            rx.cond(row.parts != "", " Now: " + row.parts + ".", ""),
            class_name="t3",
        ),
        key=row.id,
    )


def _acts(row: rx.Var[BudgetRow]) -> rx.Component:
    return rx.fragment(
        button("Change", kind="small", on_click=Budgets.edit(row.id), aria_label="Change " + row.name),
        Confirm.create(
            label="Delete",
            kind="small danger",
            title="Delete the budget " + row.name + "?",
            text="It holds nothing any more: jobs may cost what the wallet and other budgets allow.",
            confirm="Delete it",
            on_confirm=Budgets.delete(row.id),
        ),
    )
