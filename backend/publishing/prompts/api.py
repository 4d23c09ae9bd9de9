"""Define the routes of the prompts of agents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.publishing.prompts import service
from backend.publishing.prompts.schemas import (
    PromptHistory,
    PromptLabelRead,
    PromptLabelUpdate,
    PromptVersionText,
)

router = APIRouter(route_class=AuthorizedRoute, tags=["skills"])

SkillpackQuery = Annotated[
    str | None,
    Query(description="ID or slug. With it, the skill is also found if no version with it is active."),
]
LabelPath = Annotated[
    str,
    Path(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$",
        description="Up to 40 small letters, digits, `-` and `_`, such as `candidate`.",
    ),
]


@router.get("/skills/{name:path}/prompts", summary="List the versions of the prompt of an agent")
@permissions.needs("deployments:read")
async def list_prompts(
    name: str,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    skillpack: SkillpackQuery = None,
) -> PromptHistory:
    """Return each distinct text of the prompt of an agent, newest first, with its deployments, labels and statistics.

    The statistics are about the newest 2,000 jobs of the skill in the last 30 days. At most 200 versions are listed.
    """
    return await service.history(session, principal, name, skillpack=skillpack, storage=context.storage)


@router.get("/skills/{name:path}/prompts/{number}", summary="Read a version of the prompt of an agent")
@permissions.needs("deployments:read")
async def get_prompt_version(
    name: str,
    number: Annotated[int, Path(ge=1, le=2**31 - 1)],
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    skillpack: SkillpackQuery = None,
) -> PromptVersionText:
    """Return one version of the prompt with its text."""
    return await service.read(session, principal, name, number, skillpack=skillpack, storage=context.storage)


@router.put("/skills/{name:path}/prompts/labels/{label}", summary="Label a version of the prompt of an agent")
@permissions.needs("deployments:write", "skills:read", role=Role.DEVELOPER)
async def put_prompt_label(
    *,
    name: str,
    label: LabelPath,
    body: PromptLabelUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    skillpack: SkillpackQuery = None,
) -> PromptLabelRead:
    """Give a version a label, such as `approved`. A label is on one version of the skill: another one loses it."""
    return await service.set_label(
        session, principal, name, label, body.number, skillpack=skillpack, storage=context.storage
    )


@router.delete(
    "/skills/{name:path}/prompts/labels/{label}", status_code=204, summary="Delete a label of a prompt"
)
@permissions.needs("deployments:write", "skills:read", role=Role.DEVELOPER)
async def delete_prompt_label(
    name: str,
    label: LabelPath,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    skillpack: SkillpackQuery = None,
) -> None:
    """Delete a label. The versions of the prompt stay."""
    await service.delete_label(session, principal, name, label, skillpack=skillpack)
