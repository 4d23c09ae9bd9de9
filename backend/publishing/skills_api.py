"""Define the routes of the skills that jobs can name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.publishing.api import EnvironmentQuery
from backend.publishing.schemas import EmbedRead, SkillRead, SkillSummary, detail_of_skill
from backend.skills.deployments import files, service
from backend.skills.deployments.files import PromptRead

router = APIRouter(route_class=AuthorizedRoute, tags=["skills"])


@router.get("/skills")
@permissions.needs("skills:read")
async def list_skills(
    principal: PrincipalDep, session: SessionDep, environment: EnvironmentQuery = None
) -> list[SkillSummary]:
    """List every skill of the active versions of an environment, those of the default skillpack first."""
    found = await service.active_skills(session, principal, environment)
    return [SkillSummary.of(active) for active in found]


@router.get("/skills/{name:path}")
@permissions.needs("skills:read")
async def get_skill(
    *,
    name: str,
    principal: PrincipalDep,
    session: SessionDep,
    skillpack: Annotated[
        str | None, Query(description="ID or slug, if several skillpacks have the skill.")
    ] = None,
    version: Annotated[int | None, Query(ge=1, description="Without one the active version.")] = None,
    environment: EnvironmentQuery = None,
) -> SkillRead:
    """Return one skill: schemas, examples, limits. The name may include the skillpack: `skillpack/skill`."""
    found = await service.get_skill(
        session, principal, name, skillpack=skillpack, version=version, environment=environment
    )
    return SkillRead(
        full_name=found.full_name,
        skillpack=found.skillpack_slug,
        skillpack_id=found.skillpack_id,
        deployment_id=found.deployment_id,
        version=found.version,
        **detail_of_skill(found.skill),
    )


@router.get("/embeds/{skill:path}", summary="Read the form of a skill")
@permissions.needs("jobs:submit")
async def get_embed(skill: str, principal: PrincipalDep, session: SessionDep) -> EmbedRead:
    """Return what a form or a chat in a page needs of a skill that the key may run. `/embed.js` calls it.

    A publishable key needs a list of skills that names the skill.
    """
    return EmbedRead.of(await service.get_embeddable(session, principal, skill), principal)


@router.get("/skillpacks/{skillpack}/prompts/{skill:path}", summary="Read the prompt of an agent")
@permissions.needs("deployments:read")
async def get_prompt(
    skillpack: str,
    skill: str,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    version: Annotated[int | None, Query(ge=1, description="Without one the active version.")] = None,
) -> PromptRead:
    """Return the prompt of a skill, and the file of the bundle that contains it."""
    return await files.read_prompt(
        session, principal, skill, skillpack=skillpack, version=version, storage=context.storage
    )
