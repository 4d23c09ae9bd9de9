"""Check drafts, run them as they are, and publish them as versions."""

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
from backend.execution.sessions import service as sessions
from backend.execution.sessions.schemas import AgentSessionRead, SessionCreate
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import Environment
from backend.publishing import push
from backend.skills.archives.pack import pack_files, unnamed_notebooks
from backend.skills.bundles.read import ReadBundle, read_bundle
from backend.skills.deployments import environments, manifests, schema_changes
from backend.skills.deployments import service as deployments
from backend.skills.deployments.diff import FileChange, file_changes
from backend.skills.deployments.errors import SkillNotFound
from backend.skills.deployments.files import prompt_in
from backend.skills.deployments.schema_changes import Change
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.findings import BundleInvalid
from backend.skills.manifest.types import Manifest
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack, full_name
from backend.storage import Storage
from backend.usage.estimates import SkillForEstimate


class Checked(NamedTuple):
    """The problems and warnings of publishing the draft."""

    problems: Sequence[Problem]
    warnings: Sequence[Problem]
    manifest: Manifest | None
    """None if there are problems."""
    excluded_files: Sequence[str]
    """Notebooks of the draft that a version would not contain."""
    revision: int = 0
    """Revision of the draft; not newer than the files."""


class PendingChanges(NamedTuple):
    """The changes of publishing the draft in comparison with the active version."""

    base_version: int | None
    """The active version; None if there is none."""
    revision: int
    """Revision of the draft; not newer than the files."""
    files: Sequence[FileChange]
    changes: Sequence[Change]
    excluded_files: Sequence[str]
    """Notebooks of the draft that a version would not contain."""
    removed: Sequence[str] = ()
    """Skills of the active version that the publish removes."""


class VersionBundle(NamedTuple):
    """The content of a version of the draft."""

    bundle: bytes
    excluded_files: Sequence[str]


class ExpectedState(NamedTuple):
    """The state that a user has reviewed before publishing; None: unspecified."""

    revision: int | None = None
    """Revision of the draft."""
    active_version: int | None = None
    """The version that was active; 0 if there was none."""


@dataclass(frozen=True, slots=True)
class RunOverrides:
    """The differences of one run from the draft."""

    version: int | None = None
    """Run the files of this version instead of the draft's."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts by path."""


NO_OVERRIDES: Final = RunOverrides()
NO_EXPECTATION: Final = ExpectedState()


async def bundle_of(session: AsyncSession, principal: Principal, pack: Skillpack) -> bytes:
    """Return the whole draft as a ZIP archive."""
    principal.require(Role.VIEWER, "deployments:read")
    files = await reading.all_files(session, principal, pack.id)
    return await asyncio.to_thread(_pack, files)


async def version_bundle(session: AsyncSession, principal: Principal, pack: Skillpack) -> VersionBundle:
    """Return the draft as a version contains it: without notebooks that no file of their skill names."""
    principal.require(Role.VIEWER, "deployments:read")
    files = await reading.all_files(session, principal, pack.id)
    excluded_files = unnamed_notebooks(files.keys(), lambda path: files[path].data)
    included = {path: content for path, content in files.items() if path not in excluded_files}
    return VersionBundle(await asyncio.to_thread(_pack, included), sorted(excluded_files))


async def check(session: AsyncSession, principal: Principal, pack: Skillpack) -> Checked:
    """Return all problems of the draft; none of its code is executed."""
    revision = await reading.revision_of(session, principal, pack)  # before the files, which may be newer
    bundle, excluded_files = await version_bundle(session, principal, pack)
    try:
        read: ReadBundle = await asyncio.to_thread(read_bundle, bundle)
    except BundleInvalid as error:
        return Checked(error.problems, error.warnings, None, excluded_files, revision)
    return Checked((), read.warnings, read.manifest, excluded_files, revision)


async def skill_for_estimate(
    session: AsyncSession, principal: Principal, pack: Skillpack, name: str
) -> SkillForEstimate:
    """Return a skill of the draft with its prompt.

    Raises:
        BundleInvalid: The draft has problems; the error lists all of them.
        SkillNotFound: The draft has no such skill.
    """
    bundle = (await version_bundle(session, principal, pack)).bundle
    read: ReadBundle = await asyncio.to_thread(read_bundle, bundle)
    skill = next((one for one in read.manifest.skills if one.name == name), None)
    if skill is None:
        raise SkillNotFound(name, [one.name for one in read.manifest.skills])
    text = prompt_in(read.archive, skill).text if skill.is_agentic else ""
    return SkillForEstimate(skill, full_name(name, pack.slug, is_default=pack.is_default), pack.id, text)


async def pending_changes(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    *,
    environment: Environment | None = None,
    storage: Storage,
) -> PendingChanges:
    """Return how the draft differs from the active version of an environment, or from an empty one."""
    # Read before the files: a change between the two makes a publish of this revision fail instead of succeed.
    revision = await reading.revision_of(session, principal, pack)
    head, excluded_files = await version_bundle(session, principal, pack)
    active_id = (
        await environments.active_in(session, principal, pack, environment or principal.environment)
    ).active_id
    if active_id is None:
        files = await asyncio.to_thread(file_changes, pack_files({}), head)
        return PendingChanges(None, revision, files, (), excluded_files)
    active = await deployments.get(session, principal, str(active_id))
    base = await storage.get_bundle(active.sha256)
    files = await asyncio.to_thread(file_changes, base, head)
    checked = await check(session, principal, pack)
    if checked.manifest is None:
        return PendingChanges(active.version, revision, files, (), excluded_files)
    stored = await manifests.of(session, (active.id,))
    before = stored[active.id].manifest
    changes = schema_changes.between(before, checked.manifest)
    removed = schema_changes.removed_skills(before, checked.manifest)
    return PendingChanges(active.version, revision, files, changes, excluded_files, removed)


async def run(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    spec: JobSpec,
    *,
    overrides: RunOverrides = NO_OVERRIDES,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Submitted:
    """Submit a job that runs the draft as it is now; the same files are stored once.

    Raises:
        BundleInvalid: The draft has problems; the error lists all of them.
        DraftFileNotFound: A file to override does not exist.
        Everything that `submit` raises.
    """
    bundle = await _bundle_of_run(session, principal, pack, overrides, storage)
    draft = await push.push_draft(
        session, principal, bundle=bundle, skillpack=str(pack.id), storage=storage, quotas=quotas
    )
    resolved_spec = replace(spec, skillpack=str(draft.skillpack_id), version=None, deployment_id=draft.id)
    return await submit(session, principal, resolved_spec)


async def start_session(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    request: SessionCreate,
    *,
    storage: Storage,
    quotas: Quotas | None = None,
) -> AgentSessionRead:
    """Start a session whose turns run the draft as it is now. Nothing is published.

    Raises:
        BundleInvalid: The draft has problems; the error lists all of them.
        Everything that `sessions.service.create` raises.
    """
    bundle = (await version_bundle(session, principal, pack)).bundle
    stored = await push.push_draft(
        session, principal, bundle=bundle, skillpack=str(pack.id), storage=storage, quotas=quotas
    )
    draft = sessions.DraftOfSession(pack.id, stored.id)
    created = await sessions.create(session, principal, None, request, draft=draft)
    [read] = await sessions.read(session, [created])
    return read


async def publish_template(
    session: AsyncSession,
    principal: Principal,
    template: str,
    *,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Make a template the draft of the default skillpack, and its active version.

    Raises:
        TemplateNotFound: There is no template with this name.
    """
    pack = await reading.get_or_create(session, principal, None, storage=storage)
    files = await asyncio.to_thread(templates.files_of, template)
    await writing.replace(session, principal, pack, files, keep_others=False, base_deployment_id=None)
    notes = f"From the template {template}"
    return await publish(session, principal, pack, notes=notes, storage=storage, quotas=quotas)


async def _bundle_of_run(
    session: AsyncSession, principal: Principal, pack: Skillpack, overrides: RunOverrides, storage: Storage
) -> bytes:
    """Return the files of a run: the draft's or a version's, with the overridden texts."""
    if overrides.version is None and not overrides.files:
        return (await version_bundle(session, principal, pack)).bundle
    if overrides.version is None:
        files = reading.unpack((await version_bundle(session, principal, pack)).bundle)
    else:
        base = await deployments.get(session, principal, str(overrides.version), skillpack=str(pack.id))
        files = await asyncio.to_thread(reading.unpack, await storage.get_bundle(base.sha256))
    for path, text in overrides.files.items():
        if path not in files:
            raise DraftFileNotFound(path)
        files[path] = replace(files[path], data=text.encode())
    return await asyncio.to_thread(_pack, files)


def _pack(files: Mapping[str, reading.Content]) -> bytes:
    executable = {path for path, content in files.items() if content.is_executable}
    return pack_files({path: content.data for path, content in files.items()}, executable=executable)


async def publish(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    *,
    notes: str = "",
    activate: bool = True,
    environment: Environment | None = None,
    expected: ExpectedState = NO_EXPECTATION,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Publish the draft as the next version.

    Raises:
        BundleInvalid: The draft has problems; the error lists all of them.
        DraftChanged, ActiveVersionChanged: The state differs from the expected one.
    """
    environment = environment or principal.environment
    if expected != NO_EXPECTATION:
        await _require_expected(session, principal, pack, expected, environment)
    bundle = (await version_bundle(session, principal, pack)).bundle
    deployment = await push.push(
        session,
        principal,
        bundle=bundle,
        notes=notes,
        activate=activate,
        skillpack=str(pack.id),
        environment=environment,
        storage=storage,
        quotas=quotas,
    )
    await writing.mark_published(session, principal, pack, deployment.id)
    return deployment


async def _require_expected(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    expected: ExpectedState,
    environment: Environment,
) -> None:
    """Lock the skillpack and the draft until the transaction ends, and require the expected state."""
    locked = await skillpacks.lock(session, principal, str(pack.id))
    draft = await writing.lock(session, principal, pack)
    if expected.revision is not None and draft.revision != expected.revision:
        raise DraftChanged(draft)
    if expected.active_version is None:
        return
    active = None
    active_id = (await environments.active_in(session, principal, locked, environment)).active_id
    if active_id is not None:
        active = await deployments.get(session, principal, str(active_id))
    if (0 if active is None else active.version) != expected.active_version:
        raise ActiveVersionChanged(active)
