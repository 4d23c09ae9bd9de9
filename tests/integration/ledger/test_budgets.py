"""Budgets: what they count, which jobs they reject, and when they only send an alert."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.errors import Invalid, Missing, NotAllowed
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.identity.api_keys import keys
from backend.identity.auth.principal import Role
from backend.money import admission
from backend.money.budgets import service as budgets
from backend.money.budgets.errors import BudgetNameTaken, BudgetNotFound, BudgetReached
from backend.money.budgets.schemas import BudgetCreate, BudgetRead, BudgetUpdate
from backend.money.ledger import audit
from tests.factories.tenants import Tenant
from tests.integration.auth.conftest import browse
from tests.integration.ledger.money import (
    call,
    ended,
    other_key,
    running,
    spent,
    started,
    submitted,
    tenant_of,
)
from workers.attempt.attempt import Attempt
from workers.attempt.run import run_attempt


async def create_budget(database: Database, tenant: Tenant, limit_micros: int, **over: Any) -> BudgetRead:
    requested = {"name": "Small", "window": "day", "limit_usd": limit_micros / 1e6, **over}
    async with database.transaction() as session:
        return await budgets.create(session, tenant.principal, BudgetCreate(**requested))


async def read_budget(database: Database, tenant: Tenant, budget: BudgetRead) -> BudgetRead:
    async with database.transaction() as session:
        return await budgets.get(session, tenant.principal, budget.id)


async def alerts(database: Database) -> list[dict[str, Any]]:
    query = text("select facts from audit_rows where action = 'budget.alerted' order by id")
    async with database.transaction() as session:
        return list((await session.execute(query)).scalars())


async def move_spending_back(database: Database, days: int) -> None:
    """Move all spending to an earlier day."""
    async with database.transaction() as session:
        await session.execute(text("update daily_spending set day = day - :days"), {"days": days})


async def test_job_above_a_budget_is_rejected_with_usage_and_reset_time(
    app: FastAPI, database: Database
) -> None:
    tenant = await tenant_of(database)
    async with database.transaction() as session:
        made = await keys.create(session, tenant.principal, project_id=tenant.project_id)
    async with browse(app) as client:
        client.headers["Authorization"] = f"Bearer {made.plaintext}"
        response = await client.post(
            "/v1/budgets", json={"name": "Day", "window": "day", "limit_usd": 0.0007}
        )
        assert response.status_code == 201, response.text
        assert (response.json()["scope"], response.json()["limit_micros"]) == ("project", 700)
        await spent(database, tenant, 700)
        rejected = await _submit(client)
        assert rejected.status_code == 402
        problem = rejected.json()
        assert (problem["code"], problem["budget"], problem["used_micros"]) == ("budget_reached", "Day", 700)
        assert problem["resets_at"].endswith("T00:00:00+00:00")
        assert "'Day' allows $0.00" in problem["detail"]

        one = f"/v1/budgets/{response.json()['id']}"
        assert (await client.get(one)).json()["is_reached"] is True
        assert (await client.patch(one, json={"limit_usd": 1})).json()["limit_micros"] == 1_000_000
        assert (await _submit(client)).status_code == 201
        assert (await client.delete(one)).status_code == 204
        assert (await client.get("/v1/budgets")).json() == []


async def _submit(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/v1/jobs", json={"skill": "echo", "inputs": {}})


async def test_reserved_and_forgiven_amounts_count_as_used(database: Database) -> None:
    tenant = await tenant_of(database)
    budget = await create_budget(database, tenant, 1_300)
    failed = await running(database, tenant)
    assert await ended(database, failed, "failed", [call(300)])
    await running(database, tenant)
    now = await read_budget(database, tenant, budget)
    assert (now.spent_micros, now.reserved_micros, now.forgiven_micros) == (0, 1_000, 300)
    with pytest.raises(BudgetReached):
        await submitted(database, tenant)


async def test_jobs_admitted_together_do_not_reserve_above_the_budget(database: Database) -> None:
    tenant = await tenant_of(database)
    for _ in range(3):
        await submitted(database, tenant)
    budget = await create_budget(database, tenant, 1_400)
    jobs = await started(database, limit=3)
    assert [(job.reserved_micros, job.lowered_by and job.lowered_by.name) for job in jobs] == [
        (1_000, None),
        (400, "Small"),
        (0, "Small"),
    ]
    for job in jobs:
        assert await ended(database, job, "succeeded", [call(900)])
    assert (await read_budget(database, tenant, budget)).spent_micros == 900 + 400
    async with database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_job_without_available_budget_does_not_start(database: Database, instance: AppContext) -> None:
    tenant = await tenant_of(database, credit_micros=2_000)
    for _ in range(4):
        await submitted(database, tenant)
    await admit_without_credit_check(database, tenant.project_id)
    jobs = await started(database, limit=4)
    assert [job.reserved_micros for job in jobs] == [1_000, 1_000, 0, 0]
    await run_attempt(Attempt(instance, {}, jobs[3]))
    assert await status_of(database, jobs[3]) == ("queued", None), "the job waits for credit in the wallet"
    for job in jobs[:3]:
        assert await ended(database, job, "succeeded")

    await create_budget(database, tenant, 1)
    await add_forgiven_spending(database, tenant)
    (late,) = await started(database)
    await run_attempt(Attempt(instance, {}, late))
    assert await status_of(database, late) == ("failed", "budget_reached")


async def admit_without_credit_check(database: Database, project_id: UUID) -> None:
    """Make every queued job ready, without regard to the wallet: a claim may find no credit for a job."""
    query = text("update job_queue set cap_micros = 0 where project_id = :project_id")
    async with database.transaction() as session:
        await session.execute(query, {"project_id": project_id})
        await admission.admit(session, project_id)


async def add_forgiven_spending(database: Database, tenant: Tenant) -> None:
    query = text("insert into daily_spending values (:project_id, current_date, :pack, 'echo', :pack, 0, 1)")
    async with database.transaction() as session:
        await session.execute(query, {"project_id": tenant.project_id, "pack": tenant.skillpack_id})


async def status_of(database: Database, job: JobAttempt) -> tuple[str, str | None]:
    query = text("select status, error_code from jobs where id = :job_id")
    async with database.transaction() as session:
        row = (await session.execute(query, {"job_id": job.job_id})).one()
    return row.status, row.error_code


async def test_budget_counts_only_jobs_of_its_scope(database: Database) -> None:
    tenant = await tenant_of(database)
    await spent(database, tenant, 500, "echo")
    await spent(database, tenant, 200, "other")
    of_skill = await create_budget(database, tenant, 400, name="Skill", scope="skill", skill="echo")
    of_pack = await create_budget(
        database, tenant, 9_000, name="Pack", scope="skillpack", skillpack="default"
    )
    async with database.transaction() as session:
        key = await keys.create(session, tenant.principal, project_id=tenant.project_id)
    of_key = await create_budget(database, tenant, 400, name="Key", scope="key", api_key_id=key.key.id)
    used = [(await read_budget(database, tenant, one)).used_micros for one in (of_skill, of_pack, of_key)]
    assert used == [500, 700, 0]
    with pytest.raises(BudgetReached, match="'Skill'"):
        await submitted(database, tenant, "echo")
    await spent(database, tenant, 1, "other")

    by_key = replace(tenant.principal, id=key.key.id)
    for _ in range(2):
        await submitted(database, tenant, "other", by_key)
        (job,) = await started(database)
        assert await ended(database, job, "succeeded", [call(200)])
    with pytest.raises(BudgetReached, match="'Key'"):
        await submitted(database, tenant, "other", by_key)
    await submitted(database, tenant, "other", other_key(tenant))


@pytest.mark.parametrize(
    ("window", "days", "is_in"),
    [
        ("day", 1, False),
        ("rolling30", 29, True),
        ("rolling30", 30, False),
        ("month", 31, False),
        ("total", 900, True),
    ],
)
async def test_spending_before_the_window_does_not_count(
    database: Database, window: str, days: int, is_in: bool
) -> None:
    tenant = await tenant_of(database)
    await spent(database, tenant, 500)
    await move_spending_back(database, days)
    budget = await create_budget(database, tenant, 400, window=window)
    assert budget.is_reached is is_in
    assert (budget.resets_at is None) is (window == "total")


async def test_alert_is_recorded_once_per_window_and_soft_budget_allows_jobs(
    database: Database,
) -> None:
    tenant = await tenant_of(database)
    budget = await create_budget(database, tenant, 1_000, alert_pct=50, enforce=False)
    await spent(database, tenant, 400)
    assert await alerts(database) == []
    await spent(database, tenant, 150)
    await spent(database, tenant, 900)
    (alert,) = await alerts(database)
    assert (alert["name"], alert["used_micros"], alert["is_reached"]) == ("Small", 550, False)
    async with database.transaction() as session:
        changes = BudgetUpdate(limit_usd=0.0011)
        await budgets.update(session, tenant.principal, budget.id, changes)
    await spent(database, tenant, 1)
    assert [one["is_reached"] for one in await alerts(database)] == [False, True]


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        ({"scope": "skill"}, "skill: A budget of the scope 'skill' requires this field"),
        ({"scope": "key"}, "api_key_id: "),
        ({"skill": "echo"}, "skill: A budget of the scope 'project' does not have this field"),
    ],
)
async def test_scope_that_does_not_match_its_target_is_rejected(
    database: Database, over: dict[str, Any], problem: str
) -> None:
    tenant = await tenant_of(database)
    with pytest.raises(Invalid, match=problem):
        await create_budget(database, tenant, 1, **over)


async def test_names_are_unique_and_other_projects_have_no_access(database: Database) -> None:
    tenant, other = await tenant_of(database), await tenant_of(database)
    budget = await create_budget(database, tenant, 1)
    await create_budget(database, other, 1)
    with pytest.raises(BudgetNameTaken):
        await create_budget(database, tenant, 2)
    with pytest.raises(BudgetNotFound):
        await read_budget(database, other, budget)
    with pytest.raises(Missing, match="API key"):
        await create_budget(database, tenant, 1, name="Key", scope="key", api_key_id=uuid4())
    with pytest.raises(Missing):
        await create_budget(database, tenant, 1, name="Skill", scope="skill", skill="nothing")
    developer = replace(tenant, principal=replace(tenant.principal, role=Role.DEVELOPER))
    with pytest.raises(NotAllowed):
        await create_budget(database, developer, 1, name="More")
