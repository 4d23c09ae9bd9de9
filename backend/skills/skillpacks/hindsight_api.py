"""Reject the routes of Hindsight, the hosted analysis of a skill's runs, which the public client calls."""

from __future__ import annotations

from typing import NoReturn

from fastapi import APIRouter

from backend.core.errors import NotOffered
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role

router = APIRouter(route_class=AuthorizedRoute, tags=["skillpacks"])


class HindsightNotOffered(NotOffered):
    """Only the hosted service has Hindsight. Use evals and traces instead."""

    message = (
        "This instance does not offer Hindsight. Compare versions with GET "
        "/v1/deployments/{{deployment}}/diff, and inspect runs with GET /v1/jobs/{{job}}/spans."
    )


@router.post("/skillpacks/{skillpack}/hindsight", status_code=501, response_model=None)
@permissions.needs("jobs:read", role=Role.DEVELOPER)
async def analyze_runs(skillpack: str, principal: PrincipalDep) -> NoReturn:
    """Report that Hindsight is not available."""
    raise HindsightNotOffered


@router.get("/skillpacks/{skillpack}/hindsight", status_code=501, response_model=None)
@permissions.needs("jobs:read")
async def list_analyses(skillpack: str, principal: PrincipalDep) -> NoReturn:
    """Report that Hindsight is not available."""
    raise HindsightNotOffered


@router.get("/hindsight/{analysis}", status_code=501, response_model=None)
@permissions.needs("jobs:read")
async def get_analysis(analysis: str, principal: PrincipalDep) -> NoReturn:
    """Report that Hindsight is not available."""
    raise HindsightNotOffered
