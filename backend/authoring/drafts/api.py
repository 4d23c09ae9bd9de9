"""Routes of working copies, below `/drafts` for the default skillpack and `/skillpacks/{skillpack}/drafts` for any."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Header, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict

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
    ExampleCreate,
    PendingChangesRead,
    TemplateRead,
)
from backend.core.errors import Invalid, Problem
from backend.execution.jobs.submit import JobSpec
from backend.identity.auth import audit, permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import OnceDep
from backend.money.pricing import PriceList
from backend.publishing.api import zip_response
from backend.publishing.schemas import DeploymentRead, FileChangeRead, SkillChangeRead
from backend.skills.archives.archive import MAX_ZIPPED_BYTES
from backend.skills.deployments import service as deployments
from backend.skills.skillpacks.tables import Skillpack

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])


async def _pack(
    principal: PrincipalDep, session: SessionDep, context: ContextDep, skillpack: str | None = None
) -> Skillpack:
    """Id or slug: in the path below `/skillpacks`, else the project's default one."""
    return await reading.begin(session, principal, skillpack, storage=context.storage)


PackDep = Annotated[Skillpack, Depends(_pack)]
"""The skillpack of the path, with a working copy."""
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The revision of the file that you know; `*`: whatever is there."),
]
Bundle = Annotated[UploadFile, File(description="A zip of skills, at most 64 MiB.")]


class DraftRunRead(BaseModel):
    """The job that runs the working copy."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    job_id: UUID


@router.get("/templates", summary="List the templates")
@permissions.needs("deployments:read")
async def list_templates(principal: PrincipalDep) -> list[TemplateRead]:
    """Skillpacks to begin with."""
    principal.require(Role.VIEWER, "deployments:read")
    return [TemplateRead(**{**one._asdict(), "skills": list(one.skills)}) for one in templates.all_()]


@router.get("/drafts", summary="The working copy")
@router.get("/skillpacks/{skillpack}/drafts", summary="The working copy of a skillpack")
@permissions.needs("deployments:read")
async def get_draft(principal: PrincipalDep, session: SessionDep, pack: PackDep) -> DraftRead:
    """Its files without their contents; the first who asks begins it with the active version."""
    return DraftRead.of(await reading.open_(session, principal, pack))


@router.get("/drafts/files/{path:path}", response_class=Response)
@router.get("/skillpacks/{skillpack}/drafts/files/{path:path}", response_class=Response)
@permissions.needs("deployments:read")
async def read_draft_file(path: str, principal: PrincipalDep, session: SessionDep, pack: PackDep) -> Response:
    """A file as it is; its revision is the `ETag`."""
    found = await reading.read(session, principal, pack, path)
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
    """Write a file with the bytes of the body; without `If-Match` it has to be a new one."""
    principal.require(Role.DEVELOPER, "deployments:write")
    content = reading.Content(await request.body())
    return DraftFileRead.of(await writing.write(session, principal, pack, path, content, seen=if_match))


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
    """Delete a file; it can be restored until the next publish."""
    await writing.delete(session, principal, pack, path, seen=if_match)


@router.post("/drafts/restore/{path:path}")
@router.post("/skillpacks/{skillpack}/drafts/restore/{path:path}")
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def restore_draft_file(
    path: str, principal: PrincipalDep, session: SessionDep, pack: PackDep
) -> DraftFileRead:
    """Bring a deleted file back."""
    return DraftFileRead.of(await writing.restore(session, principal, pack, path))


@router.post("/drafts/move")
@router.post("/skillpacks/{skillpack}/drafts/move")
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def move_in_draft(
    asked: DraftFileMove,
    principal: PrincipalDep,
    session: SessionDep,
    pack: PackDep,
) -> DraftRead:
    """Give a file or a folder another path."""
    await writing.move(session, principal, pack, asked.path, asked.to)
    return DraftRead.of(await reading.open_(session, principal, pack))


@router.post("/drafts/reset")
@router.post("/skillpacks/{skillpack}/drafts/reset")
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def reset_draft(
    asked: DraftReset,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    pack: PackDep,
) -> DraftRead:
    """Begin anew with the files of a version or a template; what was there can be restored until the next publish."""
    if (asked.version is None) == (asked.template is None):
        mend = "Name a version or a template, not both."
        raise Invalid(mend, [Problem("version", mend)])
    base = None
    if asked.template is not None:
        files = await asyncio.to_thread(templates.files_of, asked.template)
    else:
        found = await deployments.get(session, principal, str(asked.version), skillpack=str(pack.id))
        bundle = await context.storage.get_bundle(found.sha256)
        files, base = await asyncio.to_thread(reading.unpacked, bundle), found.id
    await writing.replace(session, principal, pack, files, keeps_others=False, base_deployment_id=base)
    return DraftRead.of(await reading.open_(session, principal, pack))


@router.post("/drafts/import", max_body_size=MAX_ZIPPED_BYTES + (1 << 20))
@router.post("/skillpacks/{skillpack}/drafts/import", max_body_size=MAX_ZIPPED_BYTES + (1 << 20))
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def import_into_draft(
    bundle: Bundle,
    principal: PrincipalDep,
    session: SessionDep,
    pack: PackDep,
) -> DraftRead:
    """Add the files of a zip, over those of the same path."""
    principal.require(Role.DEVELOPER, "deployments:write")
    files = await asyncio.to_thread(reading.unpacked, await bundle.read())
    await writing.replace(session, principal, pack, files, keeps_others=True)
    return DraftRead.of(await reading.open_(session, principal, pack))


@router.get("/drafts/bundle", response_class=Response)
@router.get("/skillpacks/{skillpack}/drafts/bundle", response_class=Response)
@permissions.needs("deployments:read")
async def download_draft(principal: PrincipalDep, session: SessionDep, pack: PackDep) -> Response:
    """The working copy as a zip."""
    bundle = await publishing.bundle_of(session, principal, pack)
    await audit.record(session, principal, "draft.downloaded", pack.slug)
    return zip_response(bundle, hashlib.sha256(bundle).hexdigest(), None)


@router.get("/drafts/check")
@router.get("/skillpacks/{skillpack}/drafts/check")
@permissions.needs("deployments:read")
async def check_draft(principal: PrincipalDep, session: SessionDep, pack: PackDep) -> DraftCheckRead:
    """Everything that is wrong with the working copy; nothing of it is executed."""
    checked = await publishing.check(session, principal, pack)
    skills: list[dict[str, Any]] = []
    if checked.manifest is not None:
        skills = [skill.model_dump(mode="json") for skill in checked.manifest.skills]
    return DraftCheckRead(
        problems=[DraftProblemRead(**one.as_body()) for one in checked.problems],
        warnings=[DraftProblemRead(**one.as_body()) for one in checked.warnings],
        skills=skills,
        left_out=list(checked.left_out),
    )


@router.get("/drafts/diff")
@router.get("/skillpacks/{skillpack}/drafts/diff")
@permissions.needs("deployments:read")
async def diff_draft(
    principal: PrincipalDep, session: SessionDep, context: ContextDep, pack: PackDep
) -> PendingChangesRead:
    """What publishing the working copy would change over the active version."""
    found = await publishing.pending(session, principal, pack, storage=context.storage)
    return PendingChangesRead(
        base_version=found.base_version,
        revision=found.revision,
        files=[FileChangeRead.of(file) for file in found.files],
        skills=[SkillChangeRead.of(change) for change in found.changes],
        removed_skills=list(found.removed),
        left_out=list(found.left_out),
    )


@router.post("/drafts/run", status_code=201, response_model=DraftRunRead)
@router.post("/skillpacks/{skillpack}/drafts/run", status_code=201, response_model=DraftRunRead)
@permissions.needs("deployments:write", "deployments:read", "jobs:submit", role=Role.DEVELOPER)
async def run_draft(
    *,
    asked: DraftRunCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    once: OnceDep,
    pack: PackDep,
) -> Response:
    """Run a skill of the working copy as it stands: a job like any other, of a version without a number.

    `files` changes texts, a prompt for instance, for this run alone; `version` runs a version's files with them.
    """
    other = publishing.Other(asked.version, asked.files)
    settings = context.settings
    spec = JobSpec(
        asked,
        prices=PriceList.of(context.settings),
        max_queued=settings.max_queued_jobs,
        max_later=settings.max_later_jobs,
    )

    async def make() -> DraftRunRead:
        quotas = context.settings.quotas
        submitted = await publishing.run(
            session, principal, pack, spec, other=other, storage=context.storage, quotas=quotas
        )
        return DraftRunRead(job_id=submitted.job_id)

    return await once.answer(session, principal, make)


@router.post("/drafts/examples", status_code=201, response_model=DraftFileRead)
@router.post("/skillpacks/{skillpack}/drafts/examples", status_code=201, response_model=DraftFileRead)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def add_example(
    *, asked: ExampleCreate, principal: PrincipalDep, session: SessionDep, once: OnceDep, pack: PackDep
) -> Response:
    """Write an example into the `skill.yaml` of a skill, behind those that are there; the rest of the file stays."""

    async def make() -> DraftFileRead:
        example = asked.model_dump(exclude={"skill"}, exclude_defaults=True)
        return DraftFileRead.of(await examples.add(session, principal, pack, asked.skill, example))

    return await once.answer(session, principal, make)


@router.post("/drafts/publish", status_code=201, response_model=DeploymentRead)
@router.post("/skillpacks/{skillpack}/drafts/publish", status_code=201, response_model=DeploymentRead)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def publish_draft(
    *,
    asked: DraftPublish,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    once: OnceDep,
    pack: PackDep,
) -> Response:
    """Make the working copy the next version."""

    async def make() -> DeploymentRead:
        made = await publishing.publish(
            session,
            principal,
            pack,
            notes=asked.notes,
            activate=asked.activate,
            seen=publishing.Seen(asked.revision, asked.active_version),
            storage=context.storage,
            quotas=context.settings.quotas,
        )
        return DeploymentRead.of(made, pack)

    return await once.answer(session, principal, make)
