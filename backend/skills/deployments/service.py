"""Find deployments and the skills in them. `publishing` pushes, activates and deletes versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.paging import Page
from backend.identity.auth import audit
from backend.identity.auth.errors import KeyNotLimited
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import Environment
from backend.skills.deployments import environments, listing, manifests
from backend.skills.deployments.active import MAX_VERSION, ResolvedSkill, resolve_skill
from backend.skills.deployments.errors import DeploymentNotFound
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack, full_name

MAX_LISTED = 10_000


class ActiveSkill(NamedTuple):
    """A skill that a job can name now."""

    skill: Skill
    skillpack: Skillpack
    deployment: Deployment

    @property
    def full_name(self) -> str:
        """Its name in the project: `resize`, or `images/resize` if its skillpack is not the default one."""
        return full_name(self.skill.name, self.skillpack.slug, is_default=self.skillpack.is_default)


async def list_(
    session: AsyncSession, principal: Principal, *, skillpack: str | None = None, limit: int = MAX_LISTED
) -> list[Deployment]:
    """Return the versions of a skillpack, by default of the default one, newest first.

    Raises:
        SkillpackNotFound: the skillpack does not exist.
    """
    found = await listing.list_page(session, principal, Page(limit), skillpack=skillpack)
    return list(found.items)


async def get(
    session: AsyncSession, principal: Principal, ref: str, *, skillpack: str | None = None
) -> Deployment:
    """Return the deployment of an ID, or of a version number in a skillpack, by default in the default one.

    Raises:
        DeploymentNotFound: it does not exist.
        SkillpackNotFound: the skillpack does not exist.
    """
    principal.require(Role.VIEWER, "deployments:read")
    its_id = skillpacks.as_id(ref)
    query = visible(Deployment, principal).where(col(Deployment.deleted_at).is_(None))
    if its_id is not None:
        query = query.where(col(Deployment.id) == its_id)
    else:
        query = query.where(col(Deployment.version) == _version(ref))
    if skillpack is not None or its_id is None:
        pack = await skillpacks.get(session, principal, skillpack)
        query = query.where(col(Deployment.skillpack_id) == pack.id)
    found: Deployment | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise DeploymentNotFound(ref)
    return found


async def by_ids(
    session: AsyncSession, principal: Principal, ids: Sequence[UUID]
) -> dict[UUID | None, Deployment]:
    """Return the deployments with these IDs that are not deleted."""
    query = visible(Deployment, principal).where(
        col(Deployment.id).in_(ids), col(Deployment.deleted_at).is_(None)
    )
    return {one.id: one for one in (await session.scalars(query)).all()}


async def record_revealed(
    session: AsyncSession, principal: Principal, action: str, deployment: Deployment, **facts: object
) -> None:
    """Record in the audit log that the principal received the bundle, or a URL of it."""
    target = f"v{deployment.version}" if deployment.version else "draft"
    await audit.record(session, principal, action, target, deployment_id=str(deployment.id), **facts)


async def active_skills(
    session: AsyncSession, principal: Principal, environment: Environment | None = None
) -> list[ActiveSkill]:
    """Return every skill that a job can name now, in the environment, by default in that of the principal.

    Those of the default skillpack come first; each skillpack is sorted by name.
    """
    principal.require(Role.VIEWER, "skills:read")
    query = environments.with_active(visible(Skillpack, principal), environment or principal.environment)
    rows = await session.execute(
        query.add_columns(Deployment).order_by(col(Skillpack.is_default).desc(), col(Skillpack.slug))
    )
    pairs = [(pack, deployment) for pack, deployment in rows.all()]
    known = await manifests.of(session, [deployment.id for _, deployment in pairs])
    return [
        ActiveSkill(skill, pack, deployment)
        for pack, deployment in pairs
        for skill in known[deployment.id].manifest.submittable
    ]


async def get_skill(
    session: AsyncSession,
    principal: Principal,
    name: str,
    *,
    skillpack: str | None = None,
    version: int | None = None,
    environment: Environment | None = None,
) -> ResolvedSkill:
    """Return one skill with its schemas, as a new job would use it.

    Raises:
        SkillNotFound: it does not exist.
    """
    principal.require(Role.VIEWER, "skills:read")
    return await resolve_skill(
        session, principal, skill=name, skillpack=skillpack, version=version, environment=environment
    )


async def get_embeddable(session: AsyncSession, principal: Principal, name: str) -> ResolvedSkill:
    """Return one skill that the principal may run, for a form in a page.

    Raises:
        KeyNotLimited: The principal is a publishable key that may run every skill.
        SkillNotOnKey: The key may not run the skill, whether or not it exists.
        SkillNotFound: It does not exist.
    """
    principal.require(Role.VIEWER, "jobs:submit")
    if principal.kind == "publishable_key" and not principal.skill_allowlist:
        # Every visitor of the page can read the key, and could run all other skills with it.
        raise KeyNotLimited
    return await resolve_skill(session, principal, skill=name, is_for_run=True)


def _version(ref: str) -> int:
    number = int(ref) if len(ref) <= 10 and ref.isascii() and ref.isdecimal() else 0
    if not 0 < number <= MAX_VERSION:
        raise DeploymentNotFound(ref)
    return number
