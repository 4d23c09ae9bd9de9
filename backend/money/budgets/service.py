"""Making and changing budgets: for admins of the project, and each change is audited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import Invalid, Missing, Problem
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.tables import ApiKey
from backend.money.budgets.errors import BudgetNameTaken, BudgetNotFound, TooManyBudgets
from backend.money.budgets.schemas import BudgetCreate, BudgetRead, BudgetUpdate
from backend.money.budgets.tables import Budget
from backend.money.budgets.usage import STANDING
from backend.money.pricing import usd_to_micros
from backend.skills.deployments.active import resolve_skill
from backend.skills.skillpacks import service as skillpacks

MAX_BUDGETS: Final = 50
"""Of one project: every submit adds them up."""

_ALL = text(f"{STANDING} order by b.name")
_ONE = text(f"{STANDING} and b.id = :budget_id")
_NEEDS: Final = {"project": (), "skillpack": (), "skill": ("skill",), "key": ("api_key_id",)}
_TAKES: Final = {
    "project": (),
    "skillpack": ("skillpack",),
    "skill": ("skillpack", "skill"),
    "key": ("api_key_id",),
}


async def create(session: AsyncSession, principal: Principal, asked: BudgetCreate) -> BudgetRead:
    """Make a budget; what was spent before in its window counts.

    Raises:
        Invalid: the scope and what it names do not fit together.
        Missing: there is no such skillpack, skill or key.
        BudgetNameTaken: another one has the name.
        TooManyBudgets: there are as many as may be.
    """
    principal.require(Role.ADMIN, "budgets:write")
    _check_scope(asked)
    budget = Budget(
        project_id=principal.project_id,
        name=asked.name,
        scope=asked.scope,
        period=asked.window,
        limit_micros=usd_to_micros(asked.limit_usd),
        alert_pct=asked.alert_pct,
        enforce=asked.enforce,
        created_by=principal.label,
        **await _scoped(session, principal, asked),
    )
    counted = visible(Budget, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_BUDGETS:
        raise TooManyBudgets(MAX_BUDGETS)
    session.add(budget)
    await _flush(session, asked.name)
    facts = {"name": budget.name, "scope": budget.scope, "window": budget.period}
    limit = {"limit_micros": budget.limit_micros, "enforce": budget.enforce}
    await audit.record(session, principal, "budget.created", f"budget:{budget.id}", **facts, **limit)
    return await get(session, principal, budget.id)


async def list_all(session: AsyncSession, principal: Principal) -> Sequence[BudgetRead]:
    """Every budget of the project and how it stands, by name."""
    principal.require(Role.VIEWER, "budgets:read")
    rows = await session.execute(_ALL, {"project_id": principal.project_id})
    return [BudgetRead.of(row) for row in rows.all()]


async def get(session: AsyncSession, principal: Principal, budget_id: UUID) -> BudgetRead:
    """A budget and how it stands.

    Raises:
        BudgetNotFound: the project has none such.
    """
    principal.require(Role.VIEWER, "budgets:read")
    values = {"project_id": principal.project_id, "budget_id": budget_id}
    row = (await session.execute(_ONE, values)).one_or_none()
    if row is None:
        raise BudgetNotFound(budget_id)
    return BudgetRead.of(row)


async def change(
    session: AsyncSession, principal: Principal, budget_id: UUID, asked: BudgetUpdate
) -> BudgetRead:
    """Change a budget; with another limit or window it may alert again.

    Raises:
        BudgetNotFound: the project has none such.
        BudgetNameTaken: another one has the name.
    """
    budget = await _locked(session, principal, budget_id)
    given: dict[str, Any] = asked.model_dump(exclude_unset=True)
    limit_usd, window = given.pop("limit_usd", None), given.pop("window", None)
    changes = {name: value for name, value in given.items() if value is not None or name == "alert_pct"}
    if limit_usd is not None:
        changes["limit_micros"] = usd_to_micros(limit_usd)
    if window is not None:
        changes["period"] = window
    for name, value in changes.items():
        setattr(budget, name, value)
    if changes.keys() & {"limit_micros", "period", "alert_pct"}:
        budget.alerted_on = None
    await _flush(session, budget.name)
    facts = {"window" if name == "period" else name: value for name, value in changes.items()}
    await audit.record(session, principal, "budget.changed", f"budget:{budget_id}", **facts)
    return await get(session, principal, budget_id)


async def delete(session: AsyncSession, principal: Principal, budget_id: UUID) -> None:
    """Forget a budget: it limits nothing any more.

    Raises:
        BudgetNotFound: the project has none such.
    """
    budget = await _locked(session, principal, budget_id)
    await session.delete(budget)
    await audit.record(session, principal, "budget.deleted", f"budget:{budget_id}", name=budget.name)


def _check_scope(asked: BudgetCreate) -> None:
    problems = [
        Problem(name, f"A budget of the scope {asked.scope!r} needs this.")
        for name in _NEEDS[asked.scope]
        if getattr(asked, name) is None
    ]
    problems += [
        Problem(name, f"A budget of the scope {asked.scope!r} does not take this. Leave it out.")
        for name in ("skillpack", "skill", "api_key_id")
        if getattr(asked, name) is not None and name not in _TAKES[asked.scope]
    ]
    if problems:
        raise Invalid(f"The budget is not complete: {problems[0].path}: {problems[0].message}", problems)


async def _scoped(session: AsyncSession, principal: Principal, asked: BudgetCreate) -> dict[str, Any]:
    if asked.scope == "skillpack":
        return {"skillpack_id": (await skillpacks.get(session, principal, asked.skillpack)).id}
    if asked.scope == "skill":
        found = await resolve_skill(session, principal, skill=str(asked.skill), skillpack=asked.skillpack)
        return {"skillpack_id": found.skillpack_id, "skill_name": found.skill.name}
    if asked.scope == "key":
        key = visible(ApiKey, principal).where(col(ApiKey.id) == asked.api_key_id)
        if (await session.execute(key)).first() is None:
            raise Missing(
                f"No API key {str(asked.api_key_id)!r} in this project. GET /v1/api-keys lists them."
            )
        return {"api_key_id": asked.api_key_id}
    return {}


async def _locked(session: AsyncSession, principal: Principal, budget_id: UUID) -> Budget:
    principal.require(Role.ADMIN, "budgets:write")
    query = visible(Budget, principal).where(col(Budget.id) == budget_id).with_for_update()
    budget: Budget | None = (await session.execute(query)).scalar_one_or_none()
    if budget is None:
        raise BudgetNotFound(budget_id)
    return budget


async def _flush(session: AsyncSession, name: str) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise BudgetNameTaken(name) from error
