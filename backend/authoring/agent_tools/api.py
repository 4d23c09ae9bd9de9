"""Define the routes about tools of agents: for the default skillpack, and `/skillpacks/{skillpack}` for others."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.authoring.agent_tools import service
from backend.authoring.agent_tools.schemas import DraftFunctionRead, McpServerConnect, McpToolRead
from backend.authoring.drafts.api import PackDep
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])
Folder = Annotated[str, Query(max_length=1_024, description="Only files in this folder: `skills/summarize`.")]


@router.get("/drafts/functions", summary="List the functions of the draft")
@router.get("/skillpacks/{skillpack}/drafts/functions", summary="List the functions of a draft")
@permissions.needs("deployments:read")
async def list_functions(
    principal: PrincipalDep, session: SessionDep, pack: PackDep, folder: Folder = ""
) -> list[DraftFunctionRead]:
    """List the functions of the Python files with their signatures. None of the code is executed."""
    return await service.functions(session, principal, pack, folder)


@router.post("/drafts/mcp-tools", summary="List the tools of an MCP server")
@router.post("/skillpacks/{skillpack}/drafts/mcp-tools", summary="List the tools of an MCP server")
@permissions.needs("deployments:write", "deployments:read", "jobs:submit", role=Role.DEVELOPER)
async def list_mcp_tools(
    body: McpServerConnect, principal: PrincipalDep, context: ContextDep, skillpack: str | None = None
) -> list[McpToolRead]:
    """Connect to an MCP server with the secrets of the skillpack, and list its tools. Nothing is stored.

    The same rules apply as in runs of agents: the server must be at a public address, and secrets are sent only over
    HTTPS and only to the server itself.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    return await service.server_tools(context, principal, skillpack, body)
