"""A zip becomes a version, or a draft."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota, Quotas
from backend.core.errors import Invalid, Problem
from backend.evals import gates
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.limits.quota_check import require_quota
from backend.marketplace import following
from backend.marketplace.activation import make_active
from backend.skills.archives.archive import Archive
from backend.skills.bundles.read import ReadBundle, read_bundle
from backend.skills.deployments import manifests, schema_changes
from backend.skills.deployments.sweep import bundle_key
from backend.skills.deployments.tables import Deployment
from backend.skills.deployments.target import lock_target
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
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Make the bundle the next version of the skillpack, and the active one unless told otherwise.

    Without a skillpack it is the one that the bundle's puras.yaml names, which is created if need be.

    A version whose skills have gates becomes active when their suites have passed.

    Raises:
        BundleInvalid: with everything that is wrong; nothing is stored.
        BundleUnreadable: it is not a zip, or not a safe one.
        BundleTooLarge: it is over a limit of size.
        SkillpackNotFound: the project has no such skillpack.
        QuotaReached: the skillpack has as many versions and drafts as it may.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    read = await _stored(session, bundle, notes, storage)
    pack = await lock_target(session, principal, read, skillpack=skillpack, quotas=quotas)
    await require_quota(session, principal, Quota.DEPLOYMENTS, quotas, _kept(principal, pack))
    warnings = [*read.warnings, *await _against_active(session, pack, read.manifest)]
    pack.last_version += 1
    deployment = _row(principal, pack, read, notes=notes, warnings=warnings)
    deployment.version = pack.last_version
    session.add(deployment)
    await session.flush()
    is_active = activate and not await gates.begin(session, principal, deployment)
    if activate:
        await gates.supersede(session, pack, by=deployment)
    if is_active:
        await make_active(session, pack, deployment)
    _take_over_titles(pack, read.manifest)
    await session.flush()
    await audit.record(
        session,
        principal,
        "deployment.pushed",
        f"{pack.slug} v{deployment.version}",
        deployment_id=str(deployment.id),
        sha256=read.sha256,
        is_active=is_active,
    )
    if is_active:
        await following.follow(session, principal, deployment)
    return deployment


async def push_draft(
    session: AsyncSession,
    principal: Principal,
    *,
    bundle: bytes,
    skillpack: str | None = None,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Deployment:
    """Store the bundle as a draft: it runs like a version, has no number, and is swept after seven days.

    Raises:
        BundleInvalid: with everything that is wrong; nothing is stored.
        SkillpackNotFound: the project has no such skillpack.
        QuotaReached: the skillpack has as many versions and drafts as it may.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    read = await _stored(session, bundle, "", storage)
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
    """Store the bundle as a draft in which there is no skill, however wrong those are that it describes.

    Raises:
        BundleUnreadable, BundleTooLarge: it is not a zip, not a safe one, or over a limit of size.
        QuotaReached: the skillpack has as many versions and drafts as it may.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    read = await asyncio.to_thread(_without_skills, bundle)
    await _keep(session, read, bundle, storage)
    return await _draft(session, principal, read, skillpack=skillpack, quotas=quotas)


async def validate(
    session: AsyncSession, principal: Principal, bundle: bytes, *, skillpack: str | None = None
) -> tuple[ReadBundle, list[str]]:
    """Check a bundle and keep nothing of it; also returns the skills of the active version that it removes.

    Raises:
        BundleInvalid: with everything that is wrong.
        SkillpackNotFound: the project has no such skillpack.
    """
    principal.require(Role.VIEWER, "deployments:read")
    pack = await skillpacks.get(session, principal, skillpack)
    active = await _active(session, pack)
    read = await asyncio.to_thread(read_bundle, bundle)
    return read, schema_changes.removed_skills(active, read.manifest) if active else []


async def _stored(session: AsyncSession, bundle: bytes, notes: str, storage: Storage) -> ReadBundle:
    """Check, then keep the bytes before any row names them; the same bytes are kept once."""
    if len(notes) > MAX_NOTES or "\0" in notes:
        mend = f"Give at most {MAX_NOTES:,} characters, none of them NUL."
        raise Invalid(f"The notes cannot be stored. {mend}", [Problem("notes", mend)])
    read = await asyncio.to_thread(read_bundle, bundle)
    await _keep(session, read, bundle, storage)
    return read


async def _keep(session: AsyncSession, read: ReadBundle, bundle: bytes, storage: Storage) -> None:
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
    await require_quota(session, principal, Quota.DEPLOYMENTS, quotas, _kept(principal, pack))
    deployment = _row(principal, pack, read, notes="", warnings=read.warnings)
    deployment.kind = "draft"
    session.add(deployment)
    await session.flush()
    facts = {"deployment_id": str(deployment.id), "sha256": read.sha256}
    await audit.record(session, principal, "draft.stored", pack.slug, **facts)
    return deployment


def _kept(principal: Principal, pack: Skillpack) -> Select[Any]:
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


async def _against_active(session: AsyncSession, pack: Skillpack, manifest: Manifest) -> list[Problem]:
    """A warning for everything that callers of the active version would trip over."""
    active = await _active(session, pack)
    if active is None:
        return []
    gone = schema_changes.removed_skills(active, manifest)
    breaking = [
        Problem(change.place, f"Breaks callers of the active version: {change.message}")
        for change in schema_changes.between(active, manifest)
        if change.is_breaking and change.skill not in gone
    ]
    return [*schema_changes.removal_warnings(gone), *breaking[:50]]


async def _active(session: AsyncSession, pack: Skillpack) -> Manifest | None:
    if pack.active_deployment_id is None:
        return None
    known = await manifests.of(session, (pack.active_deployment_id,))
    return known[pack.active_deployment_id].manifest


def _take_over_titles(pack: Skillpack, manifest: Manifest) -> None:
    """`puras.yaml` names the skillpack, when the bundle has one."""
    if manifest.title:
        pack.name = manifest.title
    if manifest.description:
        pack.description = manifest.description[:4_000]
