"""Define the routes of drafts: `/drafts` for the default skillpack, `/skillpacks/{skillpack}/drafts` for others."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, File, Header, Query, Request, Response, UploadFile

from backend.authoring.drafts import examples, publishing, reading, templates, writing
from backend.authoring.drafts.schemas import (
    DraftCheckRead,
    DraftFileMove,
    DraftFileRead,
    DraftProblemRead,
    DraftPublish,
    DraftRead,
    DraftReset,
    DraftRunCreate,
    DraftSessionCreate,
    ExampleCreate,
    PendingChangesRead,
    TemplateRead,
)
from backend.core.attribute_docstrings import Schema
from backend.core.errors import Invalid, Problem
from backend.execution.jobs.schemas import MAX_NAME
from backend.execution.jobs.submit import JobSpec
from backend.execution.sessions.schemas import AgentSessionRead, SessionCreate
from backend.identity.auth import audit, permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.environments import Environment
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.money.pricing import PriceList
from backend.publishing import views
from backend.publishing.api import zip_response
from backend.publishing.schemas import DeploymentRead, FileChangeRead, SkillChangeRead
from backend.skills.archives.archive import MAX_ZIPPED_BYTES
from backend.skills.deployments import service as deployments
from backend.skills.skillpacks.tables import Skillpack
from backend.usage import estimates
from backend.usage.estimates import CostEstimateRead

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])


async def _skillpack(
    principal: PrincipalDep, session: SessionDep, context: ContextDep, skillpack: str | None = None
) -> Skillpack:
    """Return the skillpack that the path names by ID or slug, or the project's default one."""
    return await reading.get_or_create(session, principal, skillpack, storage=context.storage)


PackDep = Annotated[Skillpack, Depends(_skillpack)]
"""The skillpack of the path, with a draft."""
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The revision of the file that you have read. `*`: any."),
]
Bundle = Annotated[UploadFile, File(description="A ZIP archive of skills, at most 64 MiB.")]


class DraftRunRead(Schema):
    """The job that runs the draft."""

    job_id: UUID


@router.get("/templates", summary="List the templates")
@permissions.needs("deployments:read")
async def list_templates(principal: PrincipalDep) -> list[TemplateRead]:
    """List the templates for a skillpack."""
    principal.require(Role.VIEWER, "deployments:read")
    return [TemplateRead(**{**one._asdict(), "skills": list(one.skills)}) for one in templates.all_()]


@router.get("/drafts", summary="Read the draft")
@router.get("/skillpacks/{skillpack}/drafts", summary="Read the draft of a skillpack")
@permissions.needs("deployments:read")
async def get_draft(principal: PrincipalDep, session: SessionDep, pack: PackDep) -> DraftRead:
    """Return the files of the draft without their contents. The first request creates it from the active version."""
    return DraftRead.of(await reading.open_draft(session, principal, pack))


@router.get("/drafts/files/{path:path}", response_class=Response)
@router.get("/skillpacks/{skillpack}/drafts/files/{path:path}", response_class=Response)
@permissions.needs("deployments:read")
async def read_draft_file(path: str, principal: PrincipalDep, session: SessionDep, pack: PackDep) -> Response:
    """Return a file. Its revision is the `ETag`."""
    found = await reading.read_file(session, principal, pack, path)
    return Response(
        found.content,
        media_type="application/octet-stream",
        headers={
            "ETag": f'"{found.revision}"',
            "Cache-Control": "no-store",
            "Content-Disposition": "attachment",
        },
    )


@router.put("/drafts/files/{path:path}", max_body_size=reading.MAX_FILE_BYTES + 1)
@router.put("/skillpacks/{skillpack}/drafts/files/{path:path}", max_body_size=reading.MAX_FILE_BYTES + 1)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def write_draft_file(
    *,
    path: str,
    request: Request,
    principal: PrincipalDep,
    session: SessionDep,
    pack: PackDep,
    if_match: IfMatch = None,
) -> DraftFileRead:
    """Write a file with the bytes of the body. Without `If-Match` it must be a new file."""
    principal.require(Role.DEVELOPER, "deployments:write")
    content = reading.Content(await request.body())
    return DraftFileRead.of(
        await writing.write(session, principal, pack, path, content, expected_revision=if_match)
    )


@router.delete("/drafts/files/{path:path}", status_code=204)
@router.delete("/skillpacks/{skillpack}/drafts/files/{path:path}", status_code=204)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def delete_draft_file(
    path: str,
    principal: PrincipalDep,
    session: SessionDep,
    pack: PackDep,
    if_match: IfMatch = None,
) -> None:
    """Delete a file. It can be restored until the next publish."""
    await writing.delete(session, principal, pack, path, expected_revision=if_match)


@router.post("/drafts/restore/{path:path}")
@router.post("/skillpacks/{skillpack}/drafts/restore/{path:path}")
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def restore_draft_file(
    path: str, principal: PrincipalDep, session: SessionDep, pack: PackDep
) -> DraftFileRead:
    """Restore a deleted file."""
    return DraftFileRead.of(await writing.restore(session, principal, pack, path))


@router.post("/drafts/move")
@router.post("/skillpacks/{skillpack}/drafts/move")
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def move_in_draft(
    body: DraftFileMove,
    principal: PrincipalDep,
    session: SessionDep,
    pack: PackDep,
) -> DraftRead:
    """Move a file or a folder to another path."""
    await writing.move(session, principal, pack, body.path, body.to)
    return DraftRead.of(await reading.open_draft(session, principal, pack))


@router.post("/drafts/reset")
@router.post("/skillpacks/{skillpack}/drafts/reset")
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def reset_draft(
    body: DraftReset,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    pack: PackDep,
) -> DraftRead:
    """Start again with the files of a version or a template.

    The previous files can be restored until the next publish.
    """
    if (body.version is None) == (body.template is None):
        message = "Name a version or a template, not both."
        raise Invalid(message, [Problem("version", message)])
    base = None
    if body.template is not None:
        files = await asyncio.to_thread(templates.files_of, body.template)
    else:
        found = await deployments.get(session, principal, str(body.version), skillpack=str(pack.id))
        bundle = await context.storage.get_bundle(found.sha256)
        files, base = await asyncio.to_thread(reading.unpack, bundle), found.id
    await writing.replace(session, principal, pack, files, keep_others=False, base_deployment_id=base)
    return DraftRead.of(await reading.open_draft(session, principal, pack))


@router.post("/drafts/import", max_body_size=MAX_ZIPPED_BYTES + (1 << 20))
@router.post("/skillpacks/{skillpack}/drafts/import", max_body_size=MAX_ZIPPED_BYTES + (1 << 20))
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def import_into_draft(
    bundle: Bundle,
    principal: PrincipalDep,
    session: SessionDep,
    pack: PackDep,
) -> DraftRead:
    """Add the files of a ZIP archive; files with the same path are replaced."""
    principal.require(Role.DEVELOPER, "deployments:write")
    files = await asyncio.to_thread(reading.unpack, await bundle.read())
    await writing.replace(session, principal, pack, files, keep_others=True)
    return DraftRead.of(await reading.open_draft(session, principal, pack))


@router.get("/drafts/bundle", response_class=Response)
@router.get("/skillpacks/{skillpack}/drafts/bundle", response_class=Response)
@permissions.needs("deployments:read")
async def download_draft(principal: PrincipalDep, session: SessionDep, pack: PackDep) -> Response:
    """Return the draft as a ZIP archive."""
    bundle = await publishing.bundle_of(session, principal, pack)
    await audit.record(session, principal, "draft.downloaded", pack.slug)
    return zip_response(bundle, hashlib.sha256(bundle).hexdigest(), None)


@router.get("/drafts/check")
@router.get("/skillpacks/{skillpack}/drafts/check")
@permissions.needs("deployments:read")
async def check_draft(principal: PrincipalDep, session: SessionDep, pack: PackDep) -> DraftCheckRead:
    """Return all problems of the draft. None of its code is executed."""
    checked = await publishing.check(session, principal, pack)
    return DraftCheckRead(
        revision=checked.revision,
        problems=[DraftProblemRead.of(one) for one in checked.problems],
        warnings=[DraftProblemRead.of(one) for one in checked.warnings],
        skills=list(checked.manifest.skills) if checked.manifest is not None else [],
        excluded_files=list(checked.excluded_files),
    )


@router.get("/drafts/cost-estimate", summary="Estimate the cost of a run of the draft")
@router.get(
    "/skillpacks/{skillpack}/drafts/cost-estimate",
    summary="Estimate the cost of a run of a skillpack's draft",
)
@permissions.needs("deployments:read", "jobs:read_own")
async def estimate_draft_cost(
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    pack: PackDep,
    *,
    skill: Annotated[
        str, Query(min_length=1, max_length=MAX_NAME, description="Name of the skill in the draft.")
    ],
) -> CostEstimateRead:
    """Estimate what one run of a skill of the draft costs, as `GET /v1/cost-estimates/{skill}` does for versions."""
    return await estimates.estimate(
        session,
        principal,
        await publishing.skill_for_estimate(session, principal, pack, skill),
        prices=PriceList.of(context.settings),
        default_model=context.settings.default_model,
    )


@router.get("/drafts/diff")
@router.get("/skillpacks/{skillpack}/drafts/diff")
@permissions.needs("deployments:read")
async def diff_draft(
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    pack: PackDep,
    *,
    environment: Annotated[
        Environment | None, Query(description="Default: that of the key; for users `production`.")
    ] = None,
) -> PendingChangesRead:
    """Return what publishing the draft would change in comparison with the active version of an environment."""
    found = await publishing.pending_changes(
        session, principal, pack, environment=environment, storage=context.storage
    )
    return PendingChangesRead(
        base_version=found.base_version,
        revision=found.revision,
        files=[FileChangeRead.of(file) for file in found.files],
        skills=[SkillChangeRead.of(change) for change in found.changes],
        removed_skills=list(found.removed),
        excluded_files=list(found.excluded_files),
    )


@router.post("/drafts/run", status_code=201, response_model=DraftRunRead)
@router.post("/skillpacks/{skillpack}/drafts/run", status_code=201, response_model=DraftRunRead)
@permissions.needs("deployments:write", "deployments:read", "jobs:submit", role=Role.DEVELOPER)
async def run_draft(
    *,
    body: DraftRunCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
    pack: PackDep,
) -> Response:
    """Run a skill of the draft as it is now: a job like others, of an unnumbered deployment.

    `files` overrides texts, a prompt for instance, for this run only; `version` runs the files of a version instead of
    the draft.
    """
    overrides = publishing.RunOverrides(body.version, body.files)
    spec = JobSpec(body).within(context.settings)

    async def create() -> DraftRunRead:
        quotas = context.settings.quotas
        submitted = await publishing.run(
            session, principal, pack, spec, overrides=overrides, storage=context.storage, quotas=quotas
        )
        return DraftRunRead(job_id=submitted.job_id)

    return await idempotent.run(session, principal, create)


@router.post("/drafts/sessions", status_code=201, response_model=AgentSessionRead)
@router.post("/skillpacks/{skillpack}/drafts/sessions", status_code=201, response_model=AgentSessionRead)
@permissions.needs(
    "deployments:write", "deployments:read", "jobs:submit", "jobs:read_own", role=Role.DEVELOPER
)
async def start_draft_session(
    *,
    body: DraftSessionCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
    pack: PackDep,
) -> Response:
    """Start a session with an agent of the draft, whose turns run the draft as it is now. Nothing is published.

    The state of the draft is kept for seven days. Later changes of the draft need a new session.
    """

    async def create() -> AgentSessionRead:
        return await publishing.start_session(
            session,
            principal,
            pack,
            SessionCreate(**body.model_dump()),
            storage=context.storage,
            quotas=context.settings.quotas,
        )

    return await idempotent.run(session, principal, create)


@router.post("/drafts/examples", status_code=201, response_model=DraftFileRead)
@router.post("/skillpacks/{skillpack}/drafts/examples", status_code=201, response_model=DraftFileRead)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def add_example(
    *,
    body: ExampleCreate,
    principal: PrincipalDep,
    session: SessionDep,
    idempotent: IdempotencyDep,
    pack: PackDep,
) -> Response:
    """Add an example to the `skill.yaml` of a skill, after the existing ones. The rest of the file is not changed."""

    async def create() -> DraftFileRead:
        example = body.model_dump(exclude={"skill"}, exclude_defaults=True)
        return DraftFileRead.of(await examples.add(session, principal, pack, body.skill, example))

    return await idempotent.run(session, principal, create)


@router.post("/drafts/publish", status_code=201, response_model=DeploymentRead)
@router.post("/skillpacks/{skillpack}/drafts/publish", status_code=201, response_model=DeploymentRead)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def publish_draft(
    *,
    body: DraftPublish,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
    pack: PackDep,
) -> Response:
    """Publish the draft as the next version."""

    async def create() -> DeploymentRead:
        deployment = await publishing.publish(
            session,
            principal,
            pack,
            notes=body.notes,
            activate=body.activate,
            environment=body.environment,
            expected=publishing.ExpectedState(body.revision, body.active_version),
            storage=context.storage,
            quotas=context.settings.quotas,
        )
        return await views.read(session, principal, deployment)

    return await idempotent.run(session, principal, create)
