"""Create, list, change and delete budgets. Only admins may change them; each change is audited."""

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
"""Maximum per project. Every submission computes the usage of all of them."""

_ALL = text(f"{STANDING} order by b.name")
_ONE = text(f"{STANDING} and b.id = :budget_id")
_NEEDS: Final = {
    "project": (),
    "environment": ("environment",),
    "skillpack": (),
    "skill": ("skill",),
    "key": ("api_key_id",),
}
_TAKES: Final = {
    "project": (),
    "environment": ("environment",),
    "skillpack": ("skillpack",),
    "skill": ("skillpack", "skill"),
    "key": ("api_key_id",),
}


async def create(session: AsyncSession, principal: Principal, body: BudgetCreate) -> BudgetRead:
    """Create a budget. Earlier spending in its window counts.

    Raises:
        Invalid: The fields do not match the scope.
        Missing: The skillpack, the skill or the key does not exist.
        BudgetNameTaken: Another budget has the name.
        TooManyBudgets: The project has the maximum number of budgets.
    """
    principal.require(Role.ADMIN, "budgets:write")
    _check_scope(body)
    budget = Budget(
        project_id=principal.project_id,
        name=body.name,
        scope=body.scope,
        period=body.window,
        limit_micros=usd_to_micros(body.limit_usd),
        alert_pct=body.alert_pct,
        enforce=body.enforce,
        created_by=principal.label,
        **await _scoped(session, principal, body),
    )
    counted = visible(Budget, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_BUDGETS:
        raise TooManyBudgets(MAX_BUDGETS)
    session.add(budget)
    await _flush(session, body.name)
    facts = {"name": budget.name, "scope": budget.scope, "window": budget.period}
    limit = {"limit_micros": budget.limit_micros, "enforce": budget.enforce}
    await audit.record(session, principal, "budget.created", f"budget:{budget.id}", **facts, **limit)
    return await get(session, principal, budget.id)


async def list_all(session: AsyncSession, principal: Principal) -> Sequence[BudgetRead]:
    """Return the budgets of the project with their usage, sorted by name."""
    principal.require(Role.VIEWER, "budgets:read")
    rows = await session.execute(_ALL, {"project_id": principal.project_id})
    return [BudgetRead.of(row) for row in rows.all()]


async def get(session: AsyncSession, principal: Principal, budget_id: UUID) -> BudgetRead:
    """Return a budget with its usage.

    Raises:
        BudgetNotFound: The project has no such budget.
    """
    principal.require(Role.VIEWER, "budgets:read")
    values = {"project_id": principal.project_id, "budget_id": budget_id}
    row = (await session.execute(_ONE, values)).one_or_none()
    if row is None:
        raise BudgetNotFound(budget_id)
    return BudgetRead.of(row)


async def update(
    session: AsyncSession, principal: Principal, budget_id: UUID, body: BudgetUpdate
) -> BudgetRead:
    """Change a budget. With a new limit or window it can alert again.

    Raises:
        BudgetNotFound: The project has no such budget.
        BudgetNameTaken: Another budget has the name.
    """
    budget = await _locked(session, principal, budget_id)
    values: dict[str, Any] = body.model_dump(exclude_unset=True)
    limit_usd, window = values.pop("limit_usd", None), values.pop("window", None)
    changes = {name: value for name, value in values.items() if value is not None or name == "alert_pct"}
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
    """Delete a budget.

    Raises:
        BudgetNotFound: The project has no such budget.
    """
    budget = await _locked(session, principal, budget_id)
    await session.delete(budget)
    await audit.record(session, principal, "budget.deleted", f"budget:{budget_id}", name=budget.name)


def _check_scope(body: BudgetCreate) -> None:
    problems = [
        Problem(name, f"A budget of the scope {body.scope!r} requires this field.")
        for name in _NEEDS[body.scope]
        if getattr(body, name) is None
    ]
    problems += [
        Problem(name, f"A budget of the scope {body.scope!r} does not have this field. Omit it.")
        for name in ("environment", "skillpack", "skill", "api_key_id")
        if getattr(body, name) is not None and name not in _TAKES[body.scope]
    ]
    if problems:
        raise Invalid(f"The budget is not complete: {problems[0].path}: {problems[0].message}", problems)


async def _scoped(session: AsyncSession, principal: Principal, body: BudgetCreate) -> dict[str, Any]:
    if body.scope == "environment":
        return {"environment": body.environment}
    if body.scope == "skillpack":
        return {"skillpack_id": (await skillpacks.get(session, principal, body.skillpack)).id}
    if body.scope == "skill":
        found = await resolve_skill(session, principal, skill=str(body.skill), skillpack=body.skillpack)
        return {"skillpack_id": found.skillpack_id, "skill_name": found.skill.name}
    if body.scope == "key":
        key = visible(ApiKey, principal).where(col(ApiKey.id) == body.api_key_id)
        if (await session.execute(key)).first() is None:
            raise Missing(
                f"No API key {str(body.api_key_id)!r} in this project. GET /v1/api-keys lists all of them."
            )
        return {"api_key_id": body.api_key_id}
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
