"""Daily cap of a key: the cost of its jobs of the day plus the reservations of its running jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.errors import KeyCapReached
from tests.factories.tenants import Tenant, make_job, make_tenant

SPENT = text("""
insert into daily_spending (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros, forgiven_micros)
values (:project_id, cast(now() at time zone 'UTC' as date) - cast(:days_ago as int), :skillpack_id, :skill_name,
        :key_id, :spent, :forgiven)
""")
RESERVE = text("update jobs set status = 'running', reserved_micros = :reserved where id = :job_id")


async def create_capped_tenant(database: Database, cap_micros: int) -> Tenant:
    async with database.transaction() as session:
        tenant = await make_tenant(session)
    return replace(tenant, principal=replace(tenant.principal, daily_cap_micros=cap_micros))


async def record_cost(
    database: Database, tenant: Tenant, *, skill: str, days_ago: int = 0, spent: int = 0, forgiven: int = 0
) -> None:
    values = {"days_ago": days_ago, "skill_name": skill, "spent": spent, "forgiven": forgiven}
    of = {"project_id": tenant.project_id, "skillpack_id": tenant.skillpack_id, "key_id": tenant.principal.id}
    async with database.transaction() as session:
        await session.execute(SPENT, {**values, **of})


async def test_key_submits_until_all_skills_have_cost_its_daily_cap(database: Database) -> None:
    tenant = await create_capped_tenant(database, 100)
    await record_cost(database, tenant, skill="first", days_ago=1, spent=500)
    await record_cost(database, tenant, skill="first", spent=60)
    async with database.transaction() as session:
        await make_job(session, tenant)
    await record_cost(database, tenant, skill="second", spent=10, forgiven=30)
    with pytest.raises(KeyCapReached) as rejected:
        async with database.transaction() as session:
            await make_job(session, tenant)
    assert rejected.value.fields["spent_micros"] == 100


async def test_reservations_count_and_costs_of_other_keys_do_not(
    database: Database,
) -> None:
    tenant = await create_capped_tenant(database, 100)
    other = replace(tenant, principal=replace(tenant.principal, id=tenant.deployment_id))
    await record_cost(database, other, skill="first", spent=500)
    async with database.transaction() as session:
        job_id = await make_job(session, tenant)
        await session.execute(RESERVE, {"job_id": job_id, "reserved": 99})
    async with database.transaction() as session:
        await make_job(session, tenant)
        await session.execute(RESERVE, {"job_id": job_id, "reserved": 100})
    with pytest.raises(KeyCapReached):
        async with database.transaction() as session:
            await make_job(session, tenant)
