"""Define the routes of deployments: `/deployments` for the default skillpack, `/skillpacks/{skillpack}` for others."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from backend.core.db.paging import Page
from backend.core.http.paging import CursorQuery, linked
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.environments import Environment
from backend.identity.idempotency import service as idempotency
from backend.identity.idempotency.dependencies import IdempotencyKeyHeader, IdempotentRequest
from backend.publishing import push, stats, versions, views
from backend.publishing.schemas import (
    DeploymentRead,
    DiffRead,
    ListedDeployment,
    PullLinkRead,
    ValidationRead,
)
from backend.skills.archives.archive import MAX_ZIPPED_BYTES
from backend.skills.deployments import environments, files, service
from backend.skills.deployments.diff import diff
from backend.skills.deployments.errors import NothingActive
from backend.skills.deployments.listing import (
    NEWEST_FIRST,
    DeploymentFilter,
    DeploymentSort,
    DeploymentState,
)
from backend.skills.deployments.pull_links import MAX_TTL_S, MIN_TTL_S, Pulled, pull_link
from backend.skills.skillpacks import service as skillpacks

MAX_FORM_BYTES = MAX_ZIPPED_BYTES + (1 << 20)
"""A bundle and the multipart form around it."""

router = APIRouter(route_class=AuthorizedRoute, tags=["deployments"])

SkillpackRef = str | None
"""ID or slug, in the path below `/skillpacks` or as a query parameter. Default: the project's default skillpack."""

EnvironmentQuery = Annotated[
    Environment | None, Query(description="Default: that of the API key; for users `production`.")
]

Bundle = Annotated[UploadFile, File(description="ZIP archive of the project's folder, at most 64 MiB.")]


class _Pushed:
    """The form of a push."""

    def __init__(
        self,
        bundle: Bundle,
        notes: Annotated[str, Form(max_length=4_000, description="Release notes.")] = "",
        activate: Annotated[
            Literal["true", "false", "1", "0"], Form(description="Whether new jobs use it immediately.")
        ] = "true",
        environment: Annotated[
            Environment | None,
            Form(description="Where it becomes active. Default: that of the key, or `production`."),
        ] = None,
    ) -> None:
        self.environment = environment
        self.bundle = bundle
        self.notes = notes
        self.is_activating = activate in ("true", "1")


@router.post("/deployments", status_code=201, response_model=DeploymentRead, max_body_size=MAX_FORM_BYTES)
@router.post(
    "/skillpacks/{skillpack}/deployments",
    status_code=201,
    response_model=DeploymentRead,
    max_body_size=MAX_FORM_BYTES,
)
@permissions.needs("deployments:write", role=Role.DEVELOPER)
async def push_deployment(
    *,
    request: Request,
    pushed: Annotated[_Pushed, Depends()],
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    skillpack: SkillpackRef = None,
    idempotency_key: IdempotencyKeyHeader = None,
) -> Response:
    """Push a bundle as the next version. An error lists all problems of the bundle, and nothing is stored.

    Without `skillpack`, the `skillpack_id` or `slug` in its puras.yaml decides; the skillpack is created if necessary.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    data = await pushed.bundle.read()
    target = f"{request.url.path}?{request.url.query}"
    environment = f"{pushed.environment}\n" if pushed.environment else ""
    form = f"{pushed.notes}\n{pushed.is_activating}\n{environment}".encode()
    idempotent = IdempotentRequest(
        idempotency_key, idempotency.fingerprint("POST", target, form + data), context.vault
    )

    async def create() -> DeploymentRead:
        deployment = await push.push(
            session,
            principal,
            bundle=data,
            notes=pushed.notes,
            activate=pushed.is_activating,
            skillpack=skillpack,
            environment=pushed.environment,
            storage=context.storage,
            quotas=context.settings.quotas,
        )
        return await views.read(session, principal, deployment)

    return await idempotent.run(session, principal, create)


@router.post("/deployments/validate", max_body_size=MAX_FORM_BYTES)
@permissions.needs("deployments:read")
async def validate_bundle(
    bundle: Bundle,
    principal: PrincipalDep,
    session: SessionDep,
    skillpack: Annotated[
        str | None,
        Query(description="ID or slug of the skillpack for the bundle. Default: the default skillpack."),
    ] = None,
) -> ValidationRead:
    """Check a bundle. Nothing is stored, and none of its code is executed."""
    data = await bundle.read()
    read, removed = await push.validate(session, principal, data, skillpack=skillpack)
    return ValidationRead.of(read, removed)


@router.get("/deployments")
@router.get("/skillpacks/{skillpack}/deployments")
@permissions.needs("deployments:read")
async def list_deployments(
    *,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    skillpack: SkillpackRef = None,
    limit: Annotated[
        int, Query(ge=1, le=service.MAX_LISTED, description="Maximum rows per page.")
    ] = service.MAX_LISTED,
    cursor: CursorQuery = None,
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            description="A part of the release notes or of the name of a skill, or a version such as `v12`.",
        ),
    ] = None,
    state: Annotated[
        DeploymentState | None, Query(description="Whether a version is active in an environment.")
    ] = None,
    sort: Annotated[DeploymentSort, Query(description="The order; `-` for descending.")] = NEWEST_FIRST,
) -> list[ListedDeployment]:
    """List the versions of a skillpack, by default newest first, each with its unfinished jobs and its scores."""
    found = await stats.list_versions(
        session,
        principal,
        Page(limit, cursor),
        DeploymentFilter(q, state),
        skillpack=skillpack,
        sort=sort,
    )
    return [ListedDeployment.of_listed(row) for row in linked(request, response, found)]


@router.get("/deployments/pull")
@router.get("/skillpacks/{skillpack}/deployments/pull")
@permissions.needs("deployments:read")
async def pull_deployment(
    *,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    skillpack: SkillpackRef = None,
    environment: EnvironmentQuery = None,
    ttl: Annotated[
        int, Query(ge=MIN_TTL_S, le=MAX_TTL_S, description="Seconds until the URL expires.")
    ] = 600,
) -> PullLinkRead:
    """Return a temporary URL of the active version's bundle, which works without an API key."""
    principal.require(Role.VIEWER, "deployments:read")
    pack = await skillpacks.get(session, principal, skillpack)
    environment = environment or principal.environment
    active_id = (await environments.active_in(session, principal, pack, environment)).active_id
    if active_id is None:
        raise NothingActive(pack.slug, environment)
    active = await service.get(session, principal, str(active_id))
    await service.record_revealed(session, principal, "deployment.pull_signed", active, ttl_s=ttl)
    url = pull_link(context.vault, context.settings.url, Pulled(principal.project_id, active.id), ttl_s=ttl)
    return PullLinkRead(
        download_url=url,
        version=active.version,
        deployment_id=active.id,
        sha256=active.sha256,
        expires_in=ttl,
    )


@router.get("/deployments/{deployment}")
@router.get("/skillpacks/{skillpack}/deployments/{deployment}")
@permissions.needs("deployments:read")
async def get_deployment(
    deployment: str, principal: PrincipalDep, session: SessionDep, skillpack: SkillpackRef = None
) -> DeploymentRead:
    """Return one version by ID or number."""
    found = await service.get(session, principal, deployment, skillpack=skillpack)
    return await views.read(session, principal, found)


@router.post("/deployments/{deployment}/activate")
@router.post("/skillpacks/{skillpack}/deployments/{deployment}/activate")
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def activate_deployment(
    *,
    deployment: str,
    principal: PrincipalDep,
    session: SessionDep,
    skillpack: SkillpackRef = None,
    environment: EnvironmentQuery = None,
    force: Annotated[bool, Query(description="Skip the gates of its skills; for admins.")] = False,
) -> DeploymentRead:
    """Make a version the active one of an environment, newer or older. Running jobs keep theirs.

    In production, a version whose skills have gates stays inactive until their suites have passed: `gate` has the
    state.
    """
    activated = await versions.activate(
        session, principal, deployment, skillpack=skillpack, environment=environment, force=force
    )
    return await views.read(session, principal, activated)


@router.delete("/deployments/{deployment}", status_code=204)
@router.delete("/skillpacks/{skillpack}/deployments/{deployment}", status_code=204)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def delete_deployment(
    deployment: str, principal: PrincipalDep, session: SessionDep, skillpack: SkillpackRef = None
) -> None:
    """Delete a version that is not active and has no unfinished jobs."""
    await versions.delete(session, principal, deployment, skillpack=skillpack)


@router.get(
    "/deployments/{deployment}/bundle",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)
@router.get(
    "/skillpacks/{skillpack}/deployments/{deployment}/bundle",
    response_class=Response,
    responses={200: {"content": {"application/zip": {}}}},
)
@permissions.needs("deployments:read")
async def download_bundle(
    deployment: str,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    skillpack: SkillpackRef = None,
) -> Response:
    """Return the ZIP archive as it was pushed."""
    found = await service.get(session, principal, deployment, skillpack=skillpack)
    await service.record_revealed(session, principal, "deployment.downloaded", found)
    return zip_response(await context.storage.get_bundle(found.sha256), found.sha256, found.version)


@router.get("/deployments/{deployment}/files/{path:path}", response_class=Response)
@router.get("/skillpacks/{skillpack}/deployments/{deployment}/files/{path:path}", response_class=Response)
@permissions.needs("deployments:read")
async def read_deployment_file(
    *,
    deployment: str,
    path: str,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    skillpack: SkillpackRef = None,
) -> Response:
    """Return one file of a version as it was pushed."""
    content = await files.read(
        session, principal, deployment, path, skillpack=skillpack, storage=context.storage
    )
    headers = {"Content-Disposition": "attachment", "Cache-Control": "no-store"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/deployments/{deployment}/diff")
@router.get("/skillpacks/{skillpack}/deployments/{deployment}/diff")
@permissions.needs("deployments:read")
async def diff_deployment(
    *,
    deployment: str,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    skillpack: SkillpackRef = None,
    base: Annotated[str | None, Query(description="ID or number. Default: the active version.")] = None,
) -> DiffRead:
    """Return the changes of a version in comparison with another one; changes that break callers are marked."""
    found = await diff(
        session, principal, deployment, base=base, skillpack=skillpack, storage=context.storage
    )
    return DiffRead.of(found, await skillpacks.get(session, principal, str(found.head.skillpack_id)))


def zip_response(data: bytes, sha256: str, version: int | None) -> Response:
    """Return a bundle as a download."""
    name = "draft" if version is None else f"v{version}"
    headers = {"Content-Disposition": f'attachment; filename="{name}.zip"', "ETag": f'"{sha256}"'}
    return Response(data, media_type="application/zip", headers=headers)
