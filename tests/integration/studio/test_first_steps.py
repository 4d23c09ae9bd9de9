"""The first steps in a project are read from stored rows, and are dismissed for one member."""

from __future__ import annotations

from backend.administration.projects import first_steps
from backend.administration.projects.first_steps import FirstSteps
from backend.authoring.drafts.tables import Draft, DraftFile
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.identity.api_keys import keys
from backend.identity.auth.accounts import users
from backend.identity.auth.principal import Principal, Role
from backend.identity.tables import Member
from backend.money.pricing import PriceList
from tests.factories.tenants import Tenant, make_tenant


async def member_of(database: Database, tenant: Tenant, name: str) -> Principal:
    async with database.transaction() as session:
        user = await users.create(
            session, email=f"{name}@example.org", password="three words make one", is_operator=False
        )
        session.add(Member(project_id=tenant.project_id, user_id=user.id, role="owner"))
        return Principal("user", user.id, tenant.project_id, f"user:{user.email}", Role.OWNER)


async def read(database: Database, member: Principal) -> FirstSteps:
    async with database.transaction() as session:
        return await first_steps.read(session, member)


async def run(database: Database, principal: Principal, source: str) -> None:
    async with database.transaction() as session:
        request = JobCreate(skill="echo", source=source)
        await submit(session, principal, JobSpec(request, prices=PriceList()))


async def test_steps_are_done_by_jobs_and_keys_of_the_project(database: Database) -> None:
    async with database.transaction() as session:
        tenant, other = await make_tenant(session), await make_tenant(session)
    ada, bob = await member_of(database, tenant, "ada"), await member_of(database, tenant, "bob")
    eve = await member_of(database, other, "eve")
    only_published = FirstSteps(False, False, True, False, False, is_dismissed=False)
    assert await read(database, ada) == only_published

    async with database.transaction() as session:
        await first_steps.dismiss(session, bob)
    assert ((await read(database, bob)).is_dismissed, await read(database, ada)) == (True, only_published)

    await run(database, ada, "api")
    assert await read(database, ada) == only_published, "neither in the playground nor with a key"
    await run(database, ada, first_steps.PLAYGROUND_SOURCE)
    async with database.transaction() as session:
        key = await keys.create(session, tenant.principal, project_id=tenant.project_id)
    assert await read(database, ada) == FirstSteps(False, True, True, True, False, is_dismissed=False)
    await run(database, Principal("secret_key", key.key.id, tenant.project_id, "key:x", Role.OWNER), "api")
    assert await read(database, ada) == FirstSteps(False, True, True, True, True, is_dismissed=False)

    async with database.transaction() as session:
        await keys.revoke(session, tenant.principal, key.key.id)
    assert (await read(database, ada)).is_dismissed, "complete steps do not return"
    assert await read(database, eve) == only_published


async def test_skill_exists_when_a_draft_has_one(database: Database) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        of_tenant = {"skillpack_id": tenant.skillpack_id, "project_id": tenant.project_id}
        session.add(Draft(**of_tenant))
        await session.flush()
        for path, deleted_at in {"notes.ipynb": None, "skills/old/skill.yaml": now()}.items():
            session.add(
                DraftFile(
                    **of_tenant, path=path, content=b"", size_bytes=0, revision=1, deleted_at=deleted_at
                )
            )
    ada = await member_of(database, tenant, "ada")
    assert not (await read(database, ada)).has_draft

    async with database.transaction() as session:
        session.add(
            DraftFile(**of_tenant, path="skills/new/skill.yaml", content=b"", size_bytes=0, revision=2)
        )
    assert (await read(database, ada)).has_draft
