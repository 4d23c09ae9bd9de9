"""Routes of budgets."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Response

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import OnceDep
from backend.money.budgets import service
from backend.money.budgets.schemas import BudgetCreate, BudgetRead, BudgetUpdate

router = APIRouter(route_class=AuthorizedRoute, tags=["money"])


@router.post("/budgets", status_code=201, summary="Make a budget", response_model=BudgetRead)
@permissions.needs("budgets:write", role=Role.ADMIN)
async def create_budget(
    asked: BudgetCreate, principal: PrincipalDep, session: SessionDep, once: OnceDep
) -> Response:
    """Limit what the project, a skillpack, a skill or a key may cost in a window of time."""

    async def make() -> BudgetRead:
        return await service.create(session, principal, asked)

    return await once.answer(session, principal, make)


@router.get("/budgets", summary="List the budgets")
@permissions.needs("budgets:read")
async def list_budgets(principal: PrincipalDep, session: SessionDep) -> Sequence[BudgetRead]:
    """Every budget of the project and how it stands now, by name."""
    return await service.list_all(session, principal)


@router.get("/budgets/{budget_id}", summary="Read a budget")
@permissions.needs("budgets:read")
async def get_budget(budget_id: UUID, principal: PrincipalDep, session: SessionDep) -> BudgetRead:
    """A budget and how it stands now."""
    return await service.get(session, principal, budget_id)


@router.patch("/budgets/{budget_id}", summary="Change a budget")
@permissions.needs("budgets:write", role=Role.ADMIN)
async def change_budget(
    budget_id: UUID, asked: BudgetUpdate, principal: PrincipalDep, session: SessionDep
) -> BudgetRead:
    """Change its name, window, limit or alert; jobs that are submitted from now on are held to it."""
    return await service.change(session, principal, budget_id, asked)


@router.delete("/budgets/{budget_id}", status_code=204, summary="Delete a budget")
@permissions.needs("budgets:write", role=Role.ADMIN)
async def delete_budget(budget_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Forget a budget."""
    await service.delete(session, principal, budget_id)
