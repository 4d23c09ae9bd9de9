"""What a claim may reserve with budgets and daily caps: concurrent claims, interrupted jobs and subjobs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.attempts.subjobs import claim_subjob
from backend.execution.jobs.cancel import cancel
from backend.execution.jobs.errors import KeyCapReached
from backend.execution.worker_registry import service as worker_registry
from backend.identity.api_keys import keys
from backend.money import admission
from backend.money.budgets import service as budgets
from backend.money.budgets.schemas import BudgetCreate
from backend.money.ledger import audit
from backend.skills.skillpacks.tables import EnvironmentVersion
from backend.usage import queries
from tests.factories.tenants import Tenant
from tests.integration.ledger.money import (
    call,
    ended,
    other_key,
    paid,
    record_calls,
    running,
    spent,
    started,
    submitted,
    tenant_of,
)
from workers.attempt.attempt import Attempt
from workers.attempt.run import run_attempt


async def tenant_with_cap(database: Database, cap_micros: int) -> Tenant:
    """Create a project whose jobs are submitted with a key that has a daily cap."""
    tenant = await tenant_of(database)
    async with database.transaction() as session:
        limits = keys.Limits(daily_cap_micros=cap_micros)
        key = (await keys.create(session, None, project_id=tenant.project_id, limits=limits)).key
    by = replace(tenant.principal, id=key.id, label=f"key:{key.prefix}", daily_cap_micros=cap_micros)
    return replace(tenant, principal=by)


async def budget(database: Database, tenant: Tenant, limit_micros: int, **over: Any) -> None:
    requested = {"name": "Small", "window": "day", "limit_usd": limit_micros / 1e6, **over}
    async with database.transaction() as session:
        await budgets.create(session, tenant.principal, BudgetCreate(**requested))


async def total(database: Database, tenant: Tenant, skill: str | None = None) -> int:
    """Return the sum of the daily spending with the forgiven amounts."""
    query = text("""
        select coalesce(sum(spent_micros + forgiven_micros), 0) from daily_spending
        where project_id = :id and (cast(:skill as text) is null or skill_name = :skill)
    """)
    async with database.transaction() as session:
        assert await audit.check_ledger(session) == []
        return int((await session.execute(query, {"id": tenant.project_id, "skill": skill})).scalar_one())


async def status_of(database: Database, job_id: UUID) -> tuple[str, str | None, str | None]:
    query = text("select status, error_code, error from jobs where id = :job_id")
    async with database.transaction() as session:
        row = (await session.execute(query, {"job_id": job_id})).one()
    return row.status, row.error_code, row.error


@pytest.mark.parametrize("kind", ["key_cap", "budget"])
async def test_concurrent_claims_use_exactly_the_available_amount(database: Database, kind: str) -> None:
    """Each claim uses the fast path, in which each statement is a transaction."""
    tenant = await tenant_with_cap(database, 1_400 if kind == "key_cap" else 1_000_000)
    for _ in range(6):
        await submitted(database, tenant)
    if kind == "budget":
        await budget(database, tenant, 1_400)
    workers = [uuid4() for _ in range(6)]
    async with database.transaction() as session:
        for worker_id in workers:
            await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])

    async def one(worker_id: UUID) -> list[JobAttempt]:
        async with database.single() as session:
            return await claim(session, worker_id=worker_id, lane="default", limit=1)

    jobs = [job for jobs in await asyncio.gather(*map(one, workers)) for job in jobs]
    assert len(jobs) == 6
    assert sorted(job.reserved_micros for job in jobs) == [0, 0, 0, 0, 400, 1_000]
    assert {job.lowered_by and job.lowered_by.kind for job in jobs} == {None, kind}
    for job in jobs:
        assert await ended(database, job, "succeeded", [call(1_000)])
    assert await total(database, tenant) == 1_400


async def test_job_above_the_daily_cap_fails_with_amount_and_reset_time(
    database: Database, instance: AppContext
) -> None:
    tenant = await tenant_with_cap(database, 1_000)
    jobs = [await submitted(database, tenant) for _ in range(2)]
    _, late = await started(database, limit=2)
    await run_attempt(Attempt(instance, {}, late))
    status, code, error = await status_of(database, late.job_id)
    assert (status, code, late.job_id in jobs) == ("failed", "key_cap_reached", True)
    assert f"The key {tenant.principal.label[4:]!r} may spend $0.001000 a day" in str(error)
    assert "00:00 UTC" in str(error)
    with pytest.raises(KeyCapReached) as early:
        await submitted(database, tenant)
    assert early.value.fields["spent_micros"] == early.value.fields["cap_micros"] == 1_000
    assert str(early.value.fields["resets_at"]).endswith("T00:00:00+00:00")


async def test_spending_of_other_keys_does_not_count_towards_the_cap(database: Database) -> None:
    tenant = await tenant_with_cap(database, 1_000)
    await submitted(database, tenant, by=replace(other_key(tenant), daily_cap_micros=None))
    await submitted(database, tenant)
    jobs = await started(database, limit=2)
    assert [job.reserved_micros for job in jobs] == [1_000, 1_000]


async def test_run_past_midnight_counts_for_the_day_on_which_it_ends(database: Database) -> None:
    tenant = await tenant_with_cap(database, 1_000)
    await spent(database, tenant, 400)
    late = await running(database, tenant)
    assert late.reserved_micros == 600
    async with database.transaction() as session:  # midnight passes
        await session.execute(text("update daily_spending set day = day - 1"))
        await session.execute(text("update jobs set started_at = started_at - interval '1 day'"))
    early = await running(database, tenant)
    assert early.reserved_micros == 400, "a job that runs past midnight reserves an amount of the new day"
    for job in (late, early):
        assert await ended(database, job, "succeeded", [call(1_000)])
    by_day = text("select spent_micros from daily_spending order by day")
    async with database.transaction() as session:
        assert list((await session.execute(by_day)).scalars()) == [400, 1_000]


@pytest.mark.parametrize("kind", ["key_cap", "budget"])
async def test_usage_of_an_interrupted_job_is_not_available_to_others(database: Database, kind: str) -> None:
    tenant = await tenant_with_cap(database, 1_500 if kind == "key_cap" else 1_000_000)
    if kind == "budget":
        await budget(database, tenant, 1_500)
    first = await running(database, tenant)
    await record_calls(database, first, call(700))
    await submitted(database, tenant)
    later = now() + timedelta(hours=1)
    async with database.transaction() as session:
        assert await requeue(
            session, job_id=first.job_id, attempt=first.attempt, reason="drain", not_before=later
        )
    (second,) = await started(database)
    assert (second.job_id != first.job_id, second.reserved_micros) == (True, 800)
    async with database.transaction() as session:
        await session.execute(text("update job_queue set not_before = now()"))
        await admission.release_due(session)
        await admission.admit(session, tenant.project_id)
    (again,) = await started(database)
    assert (again.job_id, again.reserved_micros) == (first.job_id, 700)
    assert await ended(database, second, "succeeded", [call(800)])
    assert await ended(database, again, "succeeded")
    assert await total(database, tenant) == 1_500


@pytest.mark.parametrize(("limit", "used"), [("budget", 900), ("key_cap", 900), ("job_cap", 1_400)])
async def test_cancelled_interrupted_job_pays_within_every_limit(
    database: Database, limit: str, used: int
) -> None:
    tenant = await tenant_with_cap(database, 1_000_000)
    job = await running(database, tenant)
    await record_calls(database, job, call(used))
    async with database.transaction() as session:
        assert await requeue(session, job_id=job.job_id, attempt=job.attempt, reason="drain")
    if limit == "budget":
        await budget(database, tenant, 600)
    if limit == "key_cap":
        async with database.transaction() as session:
            await session.execute(text("update api_keys set daily_cap_micros = 600"))
    async with database.transaction() as session:
        await cancel(session, tenant.principal, job.job_id)
    maximum = 1_000 if limit == "job_cap" else 600
    assert await total(database, tenant) == maximum
    assert sum((await paid(database, job.job_id))[1:]) == maximum


CALLS = text("""
insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, parent_job_id,
                  status, inputs, lane, priority, source, cap_micros, forgivable_micros, event_seq, submitted_by,
                  created_at, api_key_id, environment)
select :id, project_id, skillpack_id, deployment_id, deployment_version, 'other', type, id, 'queued', inputs, lane,
       priority, 'subagent', 1000, forgivable_micros, 1, 'job', clock_timestamp(), api_key_id, environment
from jobs where id = :caller
""")


async def claim_child(database: Database, caller: JobAttempt, worker_id: UUID) -> JobAttempt:
    """Claim a subjob of the skill `other`, which uses the reservation of its parent."""
    async with database.transaction() as session:
        await session.execute(CALLS, {"id": uuid4(), "caller": caller.job_id})
    async with database.transaction() as session:
        child = await claim_subjob(session, worker_id=worker_id, parent_id=caller.job_id)
    assert child is not None
    return child


async def worker_of(database: Database, job: JobAttempt) -> UUID:
    query = text("select worker_id from jobs where id = :id")
    async with database.transaction() as session:
        worker_id: UUID = (await session.execute(query, {"id": job.job_id})).scalar_one()
    return worker_id


async def test_budget_of_the_called_skill_reduces_the_reservation(
    database: Database, instance: AppContext
) -> None:
    tenant = await tenant_of(database)
    await budget(database, tenant, 500, scope="skill", skill="other")
    caller = await running(database, tenant)
    worker_id = await worker_of(database, caller)
    first = await claim_child(database, caller, worker_id)
    assert (first.reserved_micros, first.lowered_by and first.lowered_by.name) == (500, "Small")
    second = await claim_child(database, caller, worker_id)
    assert second.reserved_micros == 0
    await run_attempt(Attempt(instance, {}, second))
    assert (await status_of(database, second.job_id))[:2] == ("failed", "budget_reached")
    assert await ended(database, first, "succeeded", [call(400)])
    third = await claim_child(database, caller, worker_id)
    assert third.reserved_micros == 100
    assert await ended(database, third, "succeeded")
    assert await ended(database, caller, "succeeded", [call(600)])
    assert await total(database, tenant) == 1_000
    assert await total(database, tenant, "other") == 400


async def test_subjob_does_not_pay_above_its_reservation(database: Database) -> None:
    tenant = await tenant_of(database)
    await budget(database, tenant, 300, scope="skill", skill="other")
    caller = await running(database, tenant)
    child = await claim_child(database, caller, await worker_of(database, caller))
    assert await ended(database, child, "succeeded", [call(200), call(500)])
    assert await ended(database, caller, "succeeded", [call(450)])
    assert await total(database, tenant, "other") == 300
    assert await total(database, tenant) == 750
    async with database.transaction() as session:
        of_caller = await queries.receipt(session, tenant.principal, caller.job_id)
        of_child = await queries.receipt(session, tenant.principal, child.job_id)
    assert (of_caller.used_micros, of_caller.cost_micros, of_caller.over_cap_micros) == (750, 750, 0)
    assert sum(line.billed_micros for line in of_caller.lines) == 750
    assert (of_child.used_micros, of_child.cost_micros, of_child.over_cap_micros) == (700, 300, 400)
    assert [line.charged_micros for line in of_child.lines] == [200, 100]


async def test_subjob_without_a_reservation_is_settled_with_its_parent(database: Database) -> None:
    tenant = await tenant_of(database)
    caller = await running(database, tenant)
    await record_calls(database, caller, call(1_000))
    child = await claim_child(database, caller, await worker_of(database, caller))
    assert child.reserved_micros == 0
    assert await ended(database, child, "succeeded", [call(50)])
    assert await ended(database, caller, "succeeded")
    assert await paid(database, child.job_id) == (50, 0, 0)
    assert await paid(database, caller.job_id) == (1_000, 1_000, 0)


async def test_nested_subjob_without_a_reservation_pays_nothing(
    database: Database,
) -> None:
    tenant = await tenant_of(database)
    caller = await running(database, tenant)
    worker_id = await worker_of(database, caller)
    await record_calls(database, caller, call(1_000))
    child = await claim_child(database, caller, worker_id)
    below = await claim_child(database, child, worker_id)
    assert (child.reserved_micros, below.reserved_micros) == (0, 0)
    for job, used in ((below, 30), (child, 0), (caller, 0)):
        assert await ended(database, job, "succeeded", [call(used)] if used else [])
    assert await paid(database, below.job_id) == (30, 0, 0)
    assert await paid(database, caller.job_id) == (1_000, 1_000, 0)


async def test_budget_of_an_environment_counts_its_jobs_with_their_subjobs(database: Database) -> None:
    tenant = await tenant_of(database)
    staging = replace(tenant, principal=replace(tenant.principal, environment="staging"))
    async with database.transaction() as session:
        session.add(
            EnvironmentVersion(
                project_id=tenant.project_id,
                skillpack_id=tenant.skillpack_id,
                environment="staging",
                active_deployment_id=tenant.deployment_id,
            )
        )
    await budget(database, tenant, 1_200, scope="environment", environment="staging")
    await budget(database, tenant, 5_000, name="Rest", scope="environment", environment="production")
    caller = await running(database, staging)
    child = await claim_child(database, caller, await worker_of(database, caller))
    assert (caller.environment, child.environment) == ("staging", "staging")
    assert await ended(database, child, "succeeded", [call(200)])
    assert await ended(database, caller, "succeeded", [call(500)])
    await spent(database, tenant, 900)
    limited = await running(database, staging)
    assert (limited.reserved_micros, limited.lowered_by and limited.lowered_by.name) == (500, "Small")
    assert (await running(database, tenant)).reserved_micros == 1_000
    async with database.transaction() as session:
        found = {one.name: one for one in await budgets.list_all(session, tenant.principal)}
    assert (found["Small"].spent_micros, found["Small"].reserved_micros) == (700, 500)
    assert (found["Rest"].spent_micros, found["Rest"].reserved_micros) == (900, 1_000)
    assert await total(database, tenant) == 1_600
