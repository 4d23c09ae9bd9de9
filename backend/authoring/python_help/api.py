"""Define the routes that help to write the Python code of drafts. They store nothing."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request

from backend.authoring.drafts import reading
from backend.authoring.python_help import service
from backend.authoring.python_help.schemas import (
    MAX_CHARACTERS,
    PythonCompletionsRead,
    PythonDefinitionsRead,
    PythonDiagnosticsRead,
    PythonFormattedRead,
    PythonHoverRead,
    PythonPosition,
    PythonRename,
    PythonRenameRead,
    PythonSource,
)
from backend.authoring.python_help.service import PythonHelp
from backend.context import AppContext
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.rate_limits.requests import Policy, reject_exceeded

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])

MAX_REQUESTS: Final = 600
"""Maximum requests of one user or key per minute."""
_MAX_BODY_BYTES: Final = 12 * MAX_CHARACTERS


async def _help(request: Request, principal: PrincipalDep) -> PythonHelp:
    """Return the help for the caller.

    Raises:
        RateExceeded: The caller has sent too many requests.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    counted = await request.app.state.rates.count([Policy("python", str(principal.id), MAX_REQUESTS)])
    reject_exceeded(counted)
    return PythonHelp(request.app.state.python_analyzer, principal)


HelpDep = Annotated[PythonHelp, Depends(_help)]


@router.post("/drafts/python/diagnostics", summary="Check Python code", max_body_size=_MAX_BODY_BYTES)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def check_python(body: PythonSource, python_help: HelpDep) -> PythonDiagnosticsRead:
    """Return the problems of a Python file: errors of the syntax, unknown names, unused imports, and others.

    The code is only parsed. Comments `# noqa: CODE` are respected.
    """
    service.check_path(body.path)
    return await python_help.diagnose(body)


@router.post("/drafts/python/format", summary="Format Python code", max_body_size=_MAX_BODY_BYTES)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def format_python(body: PythonSource, python_help: HelpDep) -> PythonFormattedRead:
    """Return the text in the format of ruff, which is that of Black. Nothing is stored."""
    service.check_path(body.path)
    return PythonFormattedRead(text=await python_help.format_(body))


@router.post("/drafts/python/completions", summary="Complete Python code", max_body_size=_MAX_BODY_BYTES)
@router.post(
    "/skillpacks/{skillpack}/drafts/python/completions",
    summary="Complete Python code of a skillpack",
    max_body_size=_MAX_BODY_BYTES,
)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def complete_python(
    body: PythonPosition, python_help: HelpDep, context: ContextDep, skillpack: str | None = None
) -> PythonCompletionsRead:
    """Return the names that fit at a position.

    They are of the file, of other modules of the draft, of the kit `puras`, and of the standard library.
    The code is only parsed.
    """
    return PythonCompletionsRead(**await _analyze("completions", body, python_help, context, skillpack))


@router.post("/drafts/python/hover", summary="Describe a Python name", max_body_size=_MAX_BODY_BYTES)
@router.post(
    "/skillpacks/{skillpack}/drafts/python/hover",
    summary="Describe a Python name of a skillpack",
    max_body_size=_MAX_BODY_BYTES,
)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def hover_python(
    body: PythonPosition, python_help: HelpDep, context: ContextDep, skillpack: str | None = None
) -> PythonHoverRead:
    """Return the signature and the documentation of the name at a position."""
    return PythonHoverRead(**await _analyze("hover", body, python_help, context, skillpack))


@router.post("/drafts/python/definitions", summary="Find a Python definition", max_body_size=_MAX_BODY_BYTES)
@router.post(
    "/skillpacks/{skillpack}/drafts/python/definitions",
    summary="Find a Python definition in a skillpack",
    max_body_size=_MAX_BODY_BYTES,
)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def find_python_definitions(
    body: PythonPosition, python_help: HelpDep, context: ContextDep, skillpack: str | None = None
) -> PythonDefinitionsRead:
    """Return the places that define the name at a position."""
    return PythonDefinitionsRead(**await _analyze("definitions", body, python_help, context, skillpack))


@router.post("/drafts/python/rename", summary="Rename a Python name", max_body_size=_MAX_BODY_BYTES)
@router.post(
    "/skillpacks/{skillpack}/drafts/python/rename",
    summary="Rename a Python name in a skillpack",
    max_body_size=_MAX_BODY_BYTES,
)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def rename_python(
    body: PythonRename, python_help: HelpDep, context: ContextDep, skillpack: str | None = None
) -> PythonRenameRead:
    """Return the places of a name in the Python files of the draft that a new name changes. Nothing is stored."""
    return PythonRenameRead(**await _analyze("rename", body, python_help, context, skillpack))


async def _analyze(
    action: str, body: PythonPosition, python_help: PythonHelp, context: AppContext, skillpack: str | None
) -> dict[str, Any]:
    """Analyze a position, without a connection to the database in the meantime."""
    service.check_path(body.path)
    modules, folder = await _modules(context, python_help.principal, skillpack, body.path)
    return await python_help.analyze(action, body, modules, folder)


async def _modules(
    context: AppContext, principal: Principal, skillpack: str | None, path: str
) -> tuple[dict[str, str], str]:
    async with context.database.transaction() as session:
        pack = await reading.get_or_create(session, principal, skillpack, storage=context.storage)
        return await service.modules_for(session, principal, pack, path)
