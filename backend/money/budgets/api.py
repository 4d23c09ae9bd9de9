"""Routes of budgets."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Response

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.money.budgets import service
from backend.money.budgets.schemas import BudgetCreate, BudgetRead, BudgetUpdate

router = APIRouter(route_class=AuthorizedRoute, tags=["money"])


@router.post("/budgets", status_code=201, summary="Create a budget", response_model=BudgetRead)
@permissions.needs("budgets:write", role=Role.ADMIN)
async def create_budget(
    body: BudgetCreate, principal: PrincipalDep, session: SessionDep, idempotent: IdempotencyDep
) -> Response:
    """Create a budget that limits the cost of the project, a skillpack, a skill or an API key in a period."""

    async def create_once() -> BudgetRead:
        return await service.create(session, principal, body)

    return await idempotent.run(session, principal, create_once)


@router.get("/budgets", summary="List budgets")
@permissions.needs("budgets:read")
async def list_budgets(principal: PrincipalDep, session: SessionDep) -> Sequence[BudgetRead]:
    """List the budgets of the project with their current usage, sorted by name."""
    return await service.list_all(session, principal)


@router.get("/budgets/{budget_id}", summary="Read a budget")
@permissions.needs("budgets:read")
async def get_budget(budget_id: UUID, principal: PrincipalDep, session: SessionDep) -> BudgetRead:
    """Read a budget with its current usage."""
    return await service.get(session, principal, budget_id)


@router.patch("/budgets/{budget_id}", summary="Change a budget")
@permissions.needs("budgets:write", role=Role.ADMIN)
async def change_budget(
    budget_id: UUID, body: BudgetUpdate, principal: PrincipalDep, session: SessionDep
) -> BudgetRead:
    """Change the name, window, limit or alert of a budget. It applies to jobs that are submitted from now on."""
    return await service.update(session, principal, budget_id, body)


@router.delete("/budgets/{budget_id}", status_code=204, summary="Delete a budget")
@permissions.needs("budgets:write", role=Role.ADMIN)
async def delete_budget(budget_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete a budget."""
    await service.delete(session, principal, budget_id)
