"""Define routes outside `/v1` with their own authentication, or without any."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import select
from sqlmodel import col

from backend.identity.auth.dependencies import ContextDep, SessionDep
from backend.identity.tables import Project
from backend.publishing.api import zip_response
from backend.skills.deployments import pull_links
from backend.skills.deployments.errors import BadPullLink
from backend.skills.deployments.tables import Deployment
from backend.skills.flows.json_schema import flow_json_schema
from backend.skills.manifest.json_schema import skill_json_schema

router = APIRouter()


@router.get(
    f"{pull_links.ROUTE}/{{token}}",
    tags=["deployments"],
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)
async def download_pulled_bundle(token: str, session: SessionDep, context: ContextDep) -> Response:
    """Return the bundle of a pull URL."""
    pulled = pull_links.verify(context.vault, token)
    query = (
        select(Deployment)
        .join(Project, col(Project.id) == col(Deployment.project_id))
        .where(
            col(Deployment.id) == pulled.deployment_id,
            col(Deployment.project_id) == pulled.project_id,
            col(Deployment.deleted_at).is_(None),
            col(Project.deleted_at).is_(None),
        )
    )
    found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise BadPullLink
    return zip_response(await context.storage.get_bundle(found.sha256), found.sha256, found.version)


@router.get("/schemas/skill.json", tags=["skills"])
async def get_skill_schema() -> dict[str, Any]:
    """Return the JSON Schema of skill.yaml, for editors."""
    return skill_json_schema()


@router.get("/schemas/flow.json", tags=["skills"])
async def get_flow_schema() -> dict[str, Any]:
    """Return the JSON Schema of flow.yaml, for editors."""
    return flow_json_schema()
