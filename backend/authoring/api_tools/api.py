"""Define the route that makes function tools from a curl command or an OpenAPI document."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import Field

from backend.authoring.api_tools import code, curl, openapi
from backend.authoring.api_tools.operations import Operation, SourceInvalid
from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])
MAX_CHARACTERS: Final = 2 << 20
MAX_TOOLS: Final = 50


class ApiToolsCreate(RequestBody):
    """A description of requests to an API."""

    source: Text = Field(min_length=1, max_length=MAX_CHARACTERS)
    """A curl command, or an OpenAPI 3 document in JSON or YAML."""
    operations: Annotated[list[Text], Field(max_length=MAX_TOOLS)] = Field(default_factory=list)
    """Names of the operations that become tools. Empty: only describe the operations."""
    title: Text = Field(default="API", min_length=1, max_length=200)
    """Label of the skill."""
    file: Text = Field(default=code.FILE, pattern=r"^[a-z][a-z0-9_]{0,40}\.py$")
    """Name of the Python file with the functions."""


class ApiOperationRead(Schema):
    """An operation of the API."""

    name: str
    method: str
    url: str
    description: str
    secrets: list[str]
    """Names of the secrets that provide its credentials."""
    problem: str
    """Why no tool can be made of it; empty if one can."""


class ApiToolsRead(Schema):
    """Operations of an API, and the files of a skill with tools that call them."""

    operations: list[ApiOperationRead]
    files: dict[str, str]
    """Texts by name: `skill.yaml`, `prompt.md` and the Python file. Empty if no operations were named."""
    tools: list[dict[str, Any]]
    """The entries of `tools` in the `skill.yaml`, to add them to another skill with the Python file."""
    hosts: list[str]
    """The hosts that `network` of the skill allows."""
    secrets: list[str]
    """Names of the secrets that the tools need."""


@router.post(
    "/api-tools", summary="Make tools from a curl command or OpenAPI", max_body_size=8 * MAX_CHARACTERS
)
@permissions.needs("deployments:read")
async def make_api_tools(body: ApiToolsCreate, principal: PrincipalDep) -> ApiToolsRead:
    """Return the files of an agent whose tools call an API. The text is only parsed: nothing is requested or stored.

    Values of credentials are not in the files: the functions read them from secrets. Write the files with
    `PUT /v1/drafts/files/{path}`.
    """
    principal.require(Role.VIEWER, "deployments:read")
    return await asyncio.to_thread(make_tools, body)


def make_tools(body: ApiToolsCreate) -> ApiToolsRead:
    """Return the operations of an API, and the files of the named ones.

    Raises:
        SourceInvalid: The text is not such a description, or has no such operation.
    """
    source = body.source.strip()
    found = [curl.operation_of(source)] if source.startswith("curl") else openapi.operations_of(source)
    chosen = _chosen(found, body.operations)
    return ApiToolsRead(
        operations=[_read(one) for one in found],
        files=code.files_of(chosen, body.title, body.file) if chosen else {},
        tools=[code.tool_of(one, body.file) for one in chosen],
        hosts=sorted({one.host for one in chosen}),
        secrets=sorted({name for one in chosen for name in one.secrets}),
    )


def _chosen(found: list[Operation], names: list[str]) -> list[Operation]:
    known = {one.name: one for one in found}
    for name in names:
        if name not in known:
            raise SourceInvalid(f"There is no operation {name[:80]!r}. There are: {', '.join(known)[:500]}.")
        if known[name].problem:
            raise SourceInvalid(f"{name} cannot become a tool. {known[name].problem}")
    return [known[name] for name in dict.fromkeys(names)]


def _read(operation: Operation) -> ApiOperationRead:
    return ApiOperationRead(
        name=operation.name,
        method=operation.method,
        url=operation.url,
        description=operation.description,
        secrets=list(operation.secrets),
        problem=operation.problem,
    )
