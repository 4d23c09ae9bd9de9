"""Routes of the skills that jobs can name now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.auth.dependencies import PrincipalDep, SessionDep
from backend.deployments import service
from backend.deployments.schemas import SkillAnswer, SkillSummary, detail_of_skill

router = APIRouter(tags=["skills"])


@router.get("/skills")
async def list_skills(principal: PrincipalDep, session: SessionDep) -> list[SkillSummary]:
    """Every skill of the active versions: the default skillpack's first."""
    return [SkillSummary.of(active) for active in await service.active_skills(session, principal)]


@router.get("/skills/{name:path}")
async def get_skill(
    name: str,
    principal: PrincipalDep,
    session: SessionDep,
    skillpack: Annotated[str | None, Query(description="Id or slug, when several have the skill.")] = None,
    version: Annotated[int | None, Query(ge=1, description="Without one the active version.")] = None,
) -> SkillAnswer:
    """One skill: schemas, examples, limits. The name may be full: `skillpack/skill`."""
    found = await service.get_skill(session, principal, name, skillpack=skillpack, version=version)
    return SkillAnswer(
        skillpack=found.skillpack_slug,
        skillpack_id=found.skillpack_id,
        deployment_id=found.deployment_id,
        version=found.version,
        **detail_of_skill(found.skill),
    )
