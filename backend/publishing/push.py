"""Store a bundle as a version or as an unnumbered deployment."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota, Quotas
from backend.core.errors import Invalid, Problem
from backend.evals import gates
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import PRODUCTION, Environment
from backend.identity.limits.quota_check import require_quota
from backend.marketplace import listing_versions
from backend.marketplace.activation import make_active
from backend.skills.archives.archive import Archive
from backend.skills.bundles.read import ReadBundle, read_bundle
from backend.skills.deployments import environments, manifests, schema_changes
from backend.skills.deployments.sweep import bundle_key
from backend.skills.deployments.tables import Deployment
from backend.skills.deployments.target import lock_target
from backend.skills.manifest.derived import confined
from backend.skills.manifest.types import Manifest
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

MAX_NOTES: Final = 4_000

_SHARE_BUNDLE: Final = text("select pg_advisory_xact_lock_shared(:key)")


async def push(
    session: AsyncSession,
    principal: Principal,
    *,
    bundle: bytes,
    notes: str = "",
    activate: bool = True,
    skillpack: str | None = None,
    environment: Environment | None = None,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Store the bundle as the next version of the skillpack, and activate it if requested.

    It becomes active in the environment, by default in that of the principal.

    Without a skillpack, it is the one that the puras.yaml of the bundle names, which is created if necessary.

    A version whose skills have gates becomes active after their suites have passed.

    Raises:
        BundleInvalid: The bundle has problems; the error lists all of them, and nothing is stored.
        BundleUnreadable: It is not a ZIP archive, or an unsafe one.
        BundleTooLarge: It exceeds a maximum size.
        SkillpackNotFound: The project has no such skillpack.
        QuotaReached: The quota of versions and drafts is used up.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    environment = environment or principal.environment
    principal.require_environment(environment)
    read = await _check_and_store(session, bundle, notes, storage)
    pack = await lock_target(session, principal, read, skillpack=skillpack, quotas=quotas)
    await require_quota(session, principal, Quota.DEPLOYMENTS, quotas, _stored_deployments(principal, pack))
    before = await _active(session, principal, pack, environment)
    warnings = [*read.warnings, *_breaking_changes(before, read.manifest)]
    pack.last_version += 1
    deployment = _row(principal, pack, read, notes=notes, warnings=warnings)
    deployment.version = pack.last_version
    session.add(deployment)
    await session.flush()
    is_gated = environment == PRODUCTION
    is_active = activate and not (is_gated and await gates.start(session, principal, deployment))
    if activate and is_gated:
        await gates.supersede(session, pack, by=deployment)
    if is_active:
        await make_active(session, principal, pack, deployment, environment)
    _update_titles(pack, read.manifest)
    await session.flush()
    await audit.record(
        session,
        principal,
        "deployment.pushed",
        f"{pack.slug} v{deployment.version}",
        deployment_id=str(deployment.id),
        sha256=read.sha256,
        is_active=is_active,
        **({} if environment == PRODUCTION else {"environment": environment}),
    )
    if is_active and environment == PRODUCTION:
        await listing_versions.follow(session, principal, deployment)
    return deployment


async def push_draft(
    session: AsyncSession,
    principal: Principal,
    *,
    bundle: bytes,
    skillpack: str | None = None,
    storage: Storage,
    quotas: Quotas | None = None,
    is_trial: bool = False,
) -> Deployment:
    """Store the bundle as a draft, which runs like a version, has no number, and is deleted after seven days.

    With `is_trial`, its skills run without secrets, internet and drive, since no user has read them.

    Raises:
        BundleInvalid: The bundle has problems; the error lists all of them, and nothing is stored.
        SkillpackNotFound: The project has no such skillpack.
        QuotaReached: The quota of versions and drafts is used up.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    read = await _check_and_store(session, bundle, "", storage)
    if is_trial:
        read = replace(read, manifest=confined(read.manifest))
    return await _draft(session, principal, read, skillpack=skillpack, quotas=quotas)


async def push_files(
    session: AsyncSession,
    principal: Principal,
    *,
    bundle: bytes,
    skillpack: str,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Store the files of the bundle as a draft without skills; problems of its skills are ignored.

    Raises:
        BundleUnreadable, BundleTooLarge: It is not a ZIP archive, unsafe, or exceeds a maximum size.
        QuotaReached: The quota of versions and drafts is used up.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    read = await asyncio.to_thread(_without_skills, bundle)
    await _store(session, read, bundle, storage)
    return await _draft(session, principal, read, skillpack=skillpack, quotas=quotas)


async def validate(
    session: AsyncSession, principal: Principal, bundle: bytes, *, skillpack: str | None = None
) -> tuple[ReadBundle, list[str]]:
    """Check a bundle without storing it; also return the skills of the active version that it removes.

    Raises:
        BundleInvalid: The bundle has problems; the error lists all of them.
        SkillpackNotFound: The project has no such skillpack.
    """
    principal.require(Role.VIEWER, "deployments:read")
    pack = await skillpacks.get(session, principal, skillpack)
    active = await _active(session, principal, pack, principal.environment)
    read = await asyncio.to_thread(read_bundle, bundle)
    return read, schema_changes.removed_skills(active, read.manifest) if active else []


async def _check_and_store(session: AsyncSession, bundle: bytes, notes: str, storage: Storage) -> ReadBundle:
    """Check the bundle, and store its bytes before any row refers to them; the same bytes are stored once."""
    if len(notes) > MAX_NOTES or "\0" in notes:
        message = f"Use at most {MAX_NOTES:,} characters, without NUL."
        raise Invalid(f"The notes cannot be stored. {message}", [Problem("notes", message)])
    read = await asyncio.to_thread(read_bundle, bundle)
    await _store(session, read, bundle, storage)
    return read


async def _store(session: AsyncSession, read: ReadBundle, bundle: bytes, storage: Storage) -> None:
    await session.execute(_SHARE_BUNDLE, {"key": bundle_key(read.sha256)})
    await storage.put_bundle(read.sha256, bundle)


def _without_skills(bundle: bytes) -> ReadBundle:
    archive = Archive(bundle)
    archive.verify()
    return ReadBundle(Manifest(skills=()), (), archive, hashlib.sha256(bundle).hexdigest(), len(bundle))


async def _draft(
    session: AsyncSession,
    principal: Principal,
    read: ReadBundle,
    *,
    skillpack: str | None,
    quotas: Quotas | None,
) -> Deployment:
    pack = await skillpacks.get(session, principal, skillpack)
    await require_quota(session, principal, Quota.DEPLOYMENTS, quotas, _stored_deployments(principal, pack))
    deployment = _row(principal, pack, read, notes="", warnings=read.warnings)
    deployment.kind = "draft"
    session.add(deployment)
    await session.flush()
    fields = {"deployment_id": str(deployment.id), "sha256": read.sha256}
    await audit.record(session, principal, "draft.stored", pack.slug, **fields)
    return deployment


def _stored_deployments(principal: Principal, pack: Skillpack) -> Select[Any]:
    return visible(Deployment, principal).where(
        col(Deployment.skillpack_id) == pack.id, col(Deployment.deleted_at).is_(None)
    )


def _row(
    principal: Principal, pack: Skillpack, read: ReadBundle, *, notes: str, warnings: Sequence[Problem]
) -> Deployment:
    return Deployment(
        project_id=principal.project_id,
        skillpack_id=pack.id,
        sha256=read.sha256,
        size_bytes=read.size_bytes,
        manifest=read.manifest.model_dump(mode="json"),
        warnings=[warning.as_body() for warning in warnings],
        notes=notes,
        created_by=principal.label,
    )


def _breaking_changes(active: Manifest | None, manifest: Manifest) -> list[Problem]:
    """Return a warning for every change that breaks callers of the active version."""
    if active is None:
        return []
    removed = schema_changes.removed_skills(active, manifest)
    breaking = [
        Problem(change.place, f"Breaks callers of the active version: {change.message}")
        for change in schema_changes.between(active, manifest)
        if change.is_breaking and change.skill not in removed
    ]
    return [*schema_changes.removal_warnings(removed), *breaking[:50]]


async def _active(
    session: AsyncSession, principal: Principal, pack: Skillpack, environment: Environment
) -> Manifest | None:
    active_id = (await environments.active_in(session, principal, pack, environment)).active_id
    if active_id is None:
        return None
    return (await manifests.of(session, (active_id,)))[active_id].manifest


def _update_titles(pack: Skillpack, manifest: Manifest) -> None:
    """Set the name of the skillpack from the `puras.yaml` of the bundle."""
    if manifest.title:
        pack.name = manifest.title
    if manifest.description:
        pack.description = manifest.description[:4_000]
