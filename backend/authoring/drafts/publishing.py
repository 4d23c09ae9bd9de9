"""What becomes of a working copy: it is checked, run as it stands, published as a version."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.authoring.drafts import reading, templates, writing
from backend.authoring.drafts.errors import ActiveVersionChanged, DraftChanged, DraftFileNotFound
from backend.config.quotas import Quotas
from backend.core.errors import Problem
from backend.execution.jobs.submit import JobSpec, Submitted, submit
from backend.identity.auth.principal import Principal, Role
from backend.publishing import push
from backend.skills.archives.pack import pack_files, unnamed_notebooks
from backend.skills.bundles.read import ReadBundle, read_bundle
from backend.skills.deployments import manifests, schema_changes
from backend.skills.deployments import service as deployments
from backend.skills.deployments.diff import FileChange, file_changes
from backend.skills.deployments.schema_changes import Change
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.findings import BundleInvalid
from backend.skills.manifest.types import Manifest
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage


class Checked(NamedTuple):
    """What publishing the working copy would say."""

    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    manifest: Manifest | None
    """None where there are problems."""
    left_out: Sequence[str]
    """Notebooks of the working copy that would be no part of the version."""


class Pending(NamedTuple):
    """What publishing would change over the active version."""

    base_version: int | None
    """The active version; None where none is."""
    revision: int
    """Of the working copy, at least as old as the files."""
    files: Sequence[FileChange]
    changes: Sequence[Change]
    left_out: Sequence[str]
    """Notebooks of the working copy that would be no part of the version."""
    removed: Sequence[str] = ()
    """Skills of the active version that the publish removes."""


class Shipped(NamedTuple):
    """What a version of the working copy holds."""

    bundle: bytes
    left_out: Sequence[str]


class Seen(NamedTuple):
    """What somebody has looked at before they publish; None: they do not say."""

    revision: int | None = None
    """Of the working copy."""
    active_version: int | None = None
    """The version that was active; 0 where none was."""


@dataclass(frozen=True, slots=True)
class Other:
    """What is other in one run than in the working copy."""

    version: int | None = None
    """The files of this version are run in the place of the working copy's."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts by path."""


NOTHING_OTHER: Final = Other()
NOTHING_SEEN: Final = Seen()


async def bundle_of(session: AsyncSession, principal: Principal, pack: Skillpack) -> bytes:
    """The whole working copy as a zip."""
    principal.require(Role.VIEWER, "deployments:read")
    files = await reading.contents(session, principal, pack.id)
    return await asyncio.to_thread(_packed, files)


async def shipped(session: AsyncSession, principal: Principal, pack: Skillpack) -> Shipped:
    """The working copy as a version has it: without the notebooks that no file of their skill names."""
    principal.require(Role.VIEWER, "deployments:read")
    files = await reading.contents(session, principal, pack.id)
    left_out = unnamed_notebooks(files.keys(), lambda path: files[path].data)
    kept = {path: content for path, content in files.items() if path not in left_out}
    return Shipped(await asyncio.to_thread(_packed, kept), sorted(left_out))


async def check(session: AsyncSession, principal: Principal, pack: Skillpack) -> Checked:
    """Everything that is wrong with the working copy; nothing of it is executed."""
    bundle, left_out = await shipped(session, principal, pack)
    try:
        read: ReadBundle = await asyncio.to_thread(read_bundle, bundle)
    except BundleInvalid as invalid:
        return Checked(invalid.problems, invalid.warnings, None, left_out)
    return Checked((), read.warnings, read.manifest, left_out)


async def pending(
    session: AsyncSession, principal: Principal, pack: Skillpack, *, storage: Storage
) -> Pending:
    """How the working copy differs from the active version; from nothing where none is active."""
    # Before the files: a change between the two makes a publish of this revision fail, and never pass.
    revision = (await reading.open_(session, principal, pack)).draft.revision
    head, left_out = await shipped(session, principal, pack)
    if pack.active_deployment_id is None:
        files = await asyncio.to_thread(file_changes, pack_files({}), head)
        return Pending(None, revision, files, (), left_out)
    active = await deployments.get(session, principal, str(pack.active_deployment_id))
    base = await storage.get_bundle(active.sha256)
    files = await asyncio.to_thread(file_changes, base, head)
    checked = await check(session, principal, pack)
    if checked.manifest is None:
        return Pending(active.version, revision, files, (), left_out)
    known = await manifests.of(session, (active.id,))
    before = known[active.id].manifest
    changes = schema_changes.between(before, checked.manifest)
    removed = schema_changes.removed_skills(before, checked.manifest)
    return Pending(active.version, revision, files, changes, left_out, removed)


async def run(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    spec: JobSpec,
    *,
    other: Other = NOTHING_OTHER,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Submitted:
    """Submit a job that runs the working copy as it stands now; the same files are stored once.

    Raises:
        BundleInvalid: with everything that is wrong with it.
        DraftFileNotFound: a file that is other in this run is not there.
        Everything that `submit` raises.
    """
    bundle = await _bundle_with(session, principal, pack, other, storage)
    draft = await push.push_draft(
        session, principal, bundle=bundle, skillpack=str(pack.id), storage=storage, quotas=quotas
    )
    exactly = replace(spec, skillpack=str(draft.skillpack_id), version=None, deployment_id=draft.id)
    return await submit(session, principal, exactly)


async def publish_template(
    session: AsyncSession,
    principal: Principal,
    template: str,
    *,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Make a template the working copy of the default skillpack, and its active version.

    Raises:
        TemplateNotFound: there is none such.
    """
    pack = await reading.begin(session, principal, None, storage=storage)
    files = await asyncio.to_thread(templates.files_of, template)
    await writing.replace(session, principal, pack, files, keeps_others=False, base_deployment_id=None)
    notes = f"From the template {template}"
    return await publish(session, principal, pack, notes=notes, storage=storage, quotas=quotas)


async def _bundle_with(
    session: AsyncSession, principal: Principal, pack: Skillpack, other: Other, storage: Storage
) -> bytes:
    """The files that a run has: the working copy's or a version's, with other texts in some of them."""
    if other.version is None and not other.files:
        return (await shipped(session, principal, pack)).bundle
    if other.version is None:
        files = reading.unpacked((await shipped(session, principal, pack)).bundle)
    else:
        base = await deployments.get(session, principal, str(other.version), skillpack=str(pack.id))
        files = await asyncio.to_thread(reading.unpacked, await storage.get_bundle(base.sha256))
    for path, text in other.files.items():
        if path not in files:
            raise DraftFileNotFound(path)
        files[path] = replace(files[path], data=text.encode())
    return await asyncio.to_thread(_packed, files)


def _packed(files: Mapping[str, reading.Content]) -> bytes:
    executable = {path for path, content in files.items() if content.is_executable}
    return pack_files({path: content.data for path, content in files.items()}, executable=executable)


async def publish(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    *,
    notes: str = "",
    activate: bool = True,
    seen: Seen = NOTHING_SEEN,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Make the working copy the next version.

    Raises:
        BundleInvalid: with everything that is wrong with it.
        DraftChanged, ActiveVersionChanged: it is not what was seen.
    """
    if seen != NOTHING_SEEN:
        await _require_seen(session, principal, pack, seen)
    bundle = (await shipped(session, principal, pack)).bundle
    deployment = await push.push(
        session,
        principal,
        bundle=bundle,
        notes=notes,
        activate=activate,
        skillpack=str(pack.id),
        storage=storage,
        quotas=quotas,
    )
    await writing.published(session, principal, pack, deployment.id)
    return deployment


async def _require_seen(session: AsyncSession, principal: Principal, pack: Skillpack, seen: Seen) -> None:
    """Hold versions and working copy until the transaction ends, and require that they are those that were seen."""
    held = await skillpacks.lock(session, principal, str(pack.id))
    draft = await writing.hold(session, principal, pack)
    if seen.revision is not None and draft.revision != seen.revision:
        raise DraftChanged(draft)
    if seen.active_version is None:
        return
    active = None
    if held.active_deployment_id is not None:
        active = await deployments.get(session, principal, str(held.active_deployment_id))
    if (0 if active is None else active.version) != seen.active_version:
        raise ActiveVersionChanged(active)
