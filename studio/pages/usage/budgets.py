"""The budgets of a project with their usage, and the form that creates or changes one."""

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
from studio.formatting import moment, usd
from studio.forms import micros, number, parsed, said, text
from studio.pages.usage.budget_form import BudgetForm, form
from studio.shell import Shell
from studio.typing_of_reflex import Handled, as_var

_WINDOWS: Final = {
    "day": "per day",
    "month": "per month",
    "rolling30": "in the last 30 days",
    "total": "in total",
}


@dataclass
class BudgetRow:
    """A budget with its usage."""

    id: str
    name: str
    scope: str
    used: str
    limit: str
    percent: str
    state: str
    """`wait` above the alert threshold, `fail` when the limit is reached."""
    effect: str
    """The effect of the budget when it is used up."""
    parts: str
    """The parts of the used amount."""
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
    async def load(self) -> None:
        """Load the budgets."""
        self.reset()
        await self._read()

    @rx.event
    def begin(self) -> Handled:
        """Show the form for a new budget."""
        self.is_making, self.problem = True, ""
        return BudgetForm.begin

    @rx.event
    def edit(self, budget_id: str) -> Handled:
        """Show the form of an existing budget."""
        self.is_making, self.problem = True, ""
        row = next(one for one in self.rows if one.id == budget_id)
        fields = ("id", "name", "window", "limit_usd", "alert_pct", "enforce")
        return BudgetForm.edit({name: getattr(row, name) for name in fields})

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.is_making, self.problem = False, ""

    @rx.event
    async def save(self, typed: dict[str, Any]) -> None:
        """Create or change a budget."""
        self.problem = ""
        budget_id = (await self.get_state(BudgetForm)).id
        try:
            body = _body(typed)
            async with session.acting(self, self.project, once=typed) as act:
                if budget_id:
                    changes = parsed(BudgetUpdate, body)
                    await service.update(act.session, act.principal, UUID(budget_id), changes)
                else:
                    create = parsed(BudgetCreate, {**body, **_scoped(typed)})
                    await service.create(act.session, act.principal, create)
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return
        self.is_making = False
        await self._read()

    @rx.event
    async def delete(self, budget_id: str) -> None:
        """Delete a budget."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, UUID(budget_id))
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await service.list_all(act.session, act.principal)
        zone = (await self.get_state(Shell)).time_zone
        self.rows = [_row(one, zone) for one in found]


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
    """Return the scope and its target as part of a request body."""
    scope, target = text(typed, "scope"), text(typed, "target")
    field = {
        "environment": "environment",
        "skillpack": "skillpack",
        "skill": "skill",
        "key": "api_key_id",
    }.get(scope)
    return {"scope": scope, field: target} if field else {"scope": scope}


def _row(budget: BudgetRead, zone: str) -> BudgetRow:
    percent = 100 * budget.used_micros / budget.limit_micros
    is_near = budget.alert_pct is not None and percent >= budget.alert_pct
    return BudgetRow(
        id=str(budget.id),
        name=budget.name,
        scope=f"{_scope(budget)}, {_WINDOWS[budget.window]}",
        used=usd(budget.used_micros),
        limit=usd(budget.limit_micros),
        percent=f"{min(100.0, percent):.0f}%",
        state="fail" if budget.is_reached else "wait" if is_near else "",
        effect=_effect(budget, zone),
        parts=_parts(budget),
        window=budget.window,
        limit_usd=f"{budget.limit_micros / 1e6:f}".rstrip("0").rstrip("."),
        alert_pct="" if budget.alert_pct is None else str(budget.alert_pct),
        enforce=budget.enforce,
    )


def _scope(budget: BudgetRead) -> str:
    if budget.scope == "skill":
        return f"Skill {budget.skill}"
    if budget.scope == "environment":
        return f"Environment {budget.environment}"
    return {"project": "Whole project", "skillpack": "One skillpack", "key": "One API key"}[budget.scope]


def _effect(budget: BudgetRead, zone: str) -> str:
    until = f" until {moment(budget.resets_at, zone)}" if budget.resets_at else " until it is raised"
    if budget.is_reached:
        return (
            f"Jobs are rejected (402 budget_reached){until}."
            if budget.enforce
            else f"The budget is used up{until}. Jobs continue."
        )
    if budget.enforce:
        return f"When the budget is used up, jobs are rejected (402 budget_reached){until}."
    return "When the budget is used up, jobs continue; the budget only sends alerts."


def _parts(budget: BudgetRead) -> str:
    parts = (
        ("spent", budget.spent_micros),
        ("reserved for running jobs", budget.reserved_micros),
        ("forgiven", budget.forgiven_micros),
    )
    return ", ".join(f"{usd(amount)} {what}" for what, amount in parts if amount)


def budgets() -> rx.Component:
    """Render the budgets with their usage, and the form."""
    new = button("New budget", icon="plus", on_click=Budgets.begin, disabled=Budgets.is_making)
    title = rx.cond(BudgetForm.id != "", "Edit budget", "New budget")
    return rx.fragment(
        rx.cond(Budgets.is_making, section(title, form(Budgets.save, Budgets.cancel, Budgets.problem))),
        section(
            "Budgets",
            rx.cond(
                as_var(Budgets.rows).length() > 0,
                rx.el.ul(rx.foreach(Budgets.rows, _budget), class_name="entries", aria_label="Budgets"),
                note(
                    "No budgets yet. Only the wallet limits the spend of this project. A budget rejects jobs before "
                    "they exceed its limit."
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
                ("wait", tag("near limit", state="wait")),
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
            row.scope,
            ". ",
            row.effect,
            rx.cond(row.parts != "", " Used: " + row.parts + ".", ""),
            class_name="t3",
        ),
        key=row.id,
    )


def _acts(row: rx.Var[BudgetRow]) -> rx.Component:
    return rx.fragment(
        button("Edit", kind="small", on_click=Budgets.edit(row.id), aria_label="Edit " + row.name),
        Confirm.create(
            label="Delete",
            kind="small danger",
            title="Delete the budget " + row.name + "?",
            text="Only the wallet and other budgets then limit the cost of jobs.",
            confirm="Delete budget",
            on_confirm=Budgets.delete(row.id),
        ),
    )
