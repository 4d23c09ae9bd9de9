"""From the name of a skill to the deployment that runs it: on the path of every submission.

Manifests never change, so each is read and parsed once per process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.auth.principal import Principal
from backend.bundles.manifest import Manifest, Skill
from backend.deployments.errors import (
    AmbiguousSkill,
    DeploymentNotFound,
    NothingDeployed,
    SkillNotFound,
    SubskillNotSubmittable,
)
from backend.skillpacks.errors import SkillpackNotFound

MOST_CACHED = 512


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment, as far as running its skills needs it."""

    deployment_id: UUID
    skillpack_id: UUID
    version: int | None
    sha256: str
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class ResolvedSkill:
    """A skill of the deployment that a new job is pinned to."""

    deployment_id: UUID
    skillpack_id: UUID
    version: int | None
    skill: Skill


@dataclass(frozen=True, slots=True)
class DeployedSkill:
    """A skill and the bundle that holds it."""

    sha256: str
    skill: Skill


_CANDIDATES = text("""
select s.id, s.slug, s.is_default, s.active_deployment_id from skillpacks s
where s.project_id = :project_id
  and (cast(:skillpack as text) is null or s.slug = :skillpack or s.id::text = lower(cast(:skillpack as text)))
""")
_VERSION = text("""
select id from deployments
where skillpack_id = :skillpack_id and version = :version and deleted_at is null
""")
_OWN = text("""
select id from deployments where id = :id and project_id = :project_id and deleted_at is null
""")
_LOAD = text("select id, skillpack_id, version, sha256, manifest from deployments where id = :id")

_cache: OrderedDict[UUID, Deployed] = OrderedDict()


async def resolve_skill(
    session: AsyncSession,
    principal: Principal,
    *,
    skill: str,
    skillpack: str | None = None,
    version: int | None = None,
    deployment_id: UUID | None = None,
) -> ResolvedSkill:
    """The skill that a submission names: of exactly `deployment_id`, else of the version, else of what is active.

    Without a skillpack it is looked for in the default one, else in the only one that has it. A qualified name
    (`skillpack/skill`, `workspace/skillpack/skill`) names its skillpack itself.

    Raises:
        Missing: there is no such skillpack, version or skill, or the skill is not one for jobs.
        AmbiguousSkill: several skillpacks have it.
    """
    if deployment_id is not None:
        own = await session.execute(_OWN, {"id": deployment_id, "project_id": principal.project_id})
        if own.scalar_one_or_none() is None:
            raise DeploymentNotFound(deployment_id)
        return _pick(await load_deployment(session, deployment_id), skill)
    skillpack, skill = _unqualified(skillpack, skill)
    found = await session.execute(_CANDIDATES, {"project_id": principal.project_id, "skillpack": skillpack})
    packs = found.all()
    if skillpack is not None and not packs:
        raise SkillpackNotFound(skillpack)
    if version is None:
        return await _of_active(session, packs, skill, is_named=skillpack is not None)
    pack = packs[0] if skillpack is not None else next(pack for pack in packs if pack.is_default)
    wanted = await session.execute(_VERSION, {"skillpack_id": pack.id, "version": version})
    version_id = wanted.scalar_one_or_none()
    if version_id is None:
        raise DeploymentNotFound(version)
    return _pick(await load_deployment(session, version_id), skill)


async def load_deployment(session: AsyncSession, deployment_id: UUID) -> Deployed:
    """The deployment, whoever's it is: for jobs that are pinned to it.

    Raises:
        DeploymentNotFound: its row is gone.
    """
    cached = _cache.get(deployment_id)
    if cached is not None:
        _cache.move_to_end(deployment_id)
        return cached
    row = (await session.execute(_LOAD, {"id": deployment_id})).one_or_none()
    if row is None:
        raise DeploymentNotFound(deployment_id)
    deployed = Deployed(
        row.id, row.skillpack_id, row.version, row.sha256, Manifest.model_validate(row.manifest)
    )
    _cache[deployment_id] = deployed
    if len(_cache) > MOST_CACHED:
        _cache.popitem(last=False)
    return deployed


async def load_deployed_skill(session: AsyncSession, deployment_id: UUID, name: str) -> DeployedSkill:
    """The skill that a job runs, and the bundle that holds it.

    Raises:
        Missing: the deployment's row is gone.
    """
    deployed = await load_deployment(session, deployment_id)
    skill = deployed.manifest.find(name)
    if skill is None:
        raise SkillNotFound(name, [one.name for one in deployed.manifest.skills])
    return DeployedSkill(deployed.sha256, skill)


def _unqualified(skillpack: str | None, skill: str) -> tuple[str | None, str]:
    *before, name = skill.split("/")
    qualifier = skillpack.rsplit("/", 1)[-1] if skillpack else None
    return (before[-1], name) if before and qualifier is None else (qualifier, skill if before else name)


async def _of_active(
    session: AsyncSession, packs: Sequence[Any], skill: str, *, is_named: bool
) -> ResolvedSkill:
    ordered = sorted(packs, key=lambda pack: not pack.is_default)
    having: dict[str, Deployed] = {}
    for pack in ordered:
        if pack.active_deployment_id is None:
            continue
        deployed = await load_deployment(session, pack.active_deployment_id)
        if is_named or (deployed.manifest.find(skill) is not None and pack.is_default):
            return _pick(deployed, skill)
        if deployed.manifest.find(skill) is not None:
            having[pack.slug] = deployed
    if len(having) > 1:
        raise AmbiguousSkill(skill, list(having))
    if having:
        return _pick(next(iter(having.values())), skill)
    raise await _nowhere(session, ordered, skill)


async def _nowhere(
    session: AsyncSession, packs: Sequence[Any], skill: str
) -> NothingDeployed | SkillNotFound:
    active = [pack.active_deployment_id for pack in packs if pack.active_deployment_id is not None]
    if not active:
        return NothingDeployed(packs[0].slug if packs else "default")
    known = [
        one.name for found in active for one in (await load_deployment(session, found)).manifest.submittable
    ]
    return SkillNotFound(skill, known)


def _pick(deployed: Deployed, name: str) -> ResolvedSkill:
    skill = deployed.manifest.find(name)
    if skill is None:
        raise SkillNotFound(name, [one.name for one in deployed.manifest.submittable])
    if not skill.is_submittable:
        raise SubskillNotSubmittable(name, str(skill.parent_skill))
    return ResolvedSkill(deployed.deployment_id, deployed.skillpack_id, deployed.version, skill)
