"""Projects with credit and skills, created through the services."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.jobs.tables import Admission
from backend.identity.auth.principal import Principal, Role
from backend.identity.tables import Project
from backend.marketplace.tables import Listing, ListingVersion
from backend.money.ledger import service as ledger
from backend.money.ledger.tables import Wallet
from backend.money.pricing import PriceList
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Manifest, Skill
from backend.skills.skillpacks.tables import Skillpack

OPEN = {"type": "object"}


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project with one deployment, and a principal with full access to it."""

    project_id: UUID
    skillpack_id: UUID
    deployment_id: UUID
    principal: Principal


def make_skill(name: str = "echo", **over: Any) -> Skill:
    """Return a function that accepts any inputs."""
    values = {
        "name": name,
        "path": f"skills/{name}",
        "entrypoint": "main.py:run",
        "is_agentic": False,
        "input_schema": OPEN,
        "output_schema": OPEN,
    }
    return Skill.model_validate({**values, **over})


async def make_tenant(
    session: AsyncSession, *skills: Skill, credit_micros: int = 10_000_000, concurrency_limit: int = 50
) -> Tenant:
    """Create a project with credit, and deploy the skills."""
    project = Project(slug=f"p-{uuid4().hex[:10]}", name="Test")
    session.add(project)
    await session.flush()
    pack = Skillpack(project_id=project.id, slug="default", name="Default", is_default=True, last_version=1)
    session.add_all(
        [
            pack,
            Admission(project_id=project.id, concurrency_limit=concurrency_limit),
            Wallet(project_id=project.id),
        ]
    )
    await session.flush()
    deployment = make_deployment(project.id, pack.id, *skills)
    session.add(deployment)
    await session.flush()
    pack.active_deployment_id = deployment.id
    if credit_micros:
        await ledger.top_up(session, project_id=project.id, amount_micros=credit_micros, created_by="test")
    principal = Principal("secret_key", uuid4(), project.id, "key:testtest", Role.OWNER)
    return Tenant(project.id, pack.id, deployment.id, principal)


def make_deployment(project_id: UUID, skillpack_id: UUID, *skills: Skill, version: int = 1) -> Deployment:
    """Return a deployment without a stored bundle."""
    manifest = Manifest(skills=skills or (make_skill(),))
    return Deployment(
        project_id=project_id,
        skillpack_id=skillpack_id,
        version=version,
        sha256=uuid4().hex * 2,
        size_bytes=1,
        manifest=manifest.model_dump(mode="json"),
        warnings=[],
    )


async def make_listing(
    session: AsyncSession, tenant: Tenant, *, price_micros: int = 0, **over: Any
) -> Listing:
    """Create a published listing of the tenant's first skill."""
    slug = f"l-{uuid4().hex[:10]}"
    values = {"slug": slug, "skill_name": "echo", "title": slug, "words": slug, "status": "published"}
    listing = Listing(
        project_id=tenant.project_id,
        skillpack_id=tenant.skillpack_id,
        price_micros=price_micros,
        last_version=1,
        published_at=now(),
        **{**values, **over},
    )
    session.add(listing)
    await session.flush()
    session.add(
        ListingVersion(
            listing_id=listing.id,
            number=1,
            project_id=tenant.project_id,
            deployment_id=tenant.deployment_id,
            deployment_version=1,
        )
    )
    await session.flush()
    return listing


async def make_job(
    session: AsyncSession,
    tenant: Tenant,
    skill: str | None = "echo",
    *,
    prices: PriceList | None = None,
    **request: Any,
) -> UUID:
    """Submit a job."""
    spec = JobSpec(JobCreate(skill=skill, **request), prices=prices or PriceList())
    return (await submit(session, tenant.principal, spec)).job_id
