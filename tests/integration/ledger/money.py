"""Helpers: projects whose jobs have a cost, and steps of such jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.worker_registry import service as worker_registry
from backend.identity.auth.principal import Principal
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from backend.money.ledger.service import LineItem
from backend.money.pricing import PriceList
from tests.factories.tenants import Tenant, make_skill, make_tenant

PRICES = PriceList(compute_micros_per_second=100, job_timeout_s=10, forgiven_micros=500)
"""Prices with a cap of 1,000 micros per job and 500 forgiven micros per day."""


def call(billed_micros: int, **over: Any) -> LineItem:
    """Return the line item of a model call."""
    tokens = {"input_tokens": 10, "output_tokens": 2, "cache_write_tokens": 0, "cache_read_tokens": 90}
    values = {"kind": "model", "quantity": tokens, "provider": "anthropic", "model": "claude/test", **over}
    return LineItem(upstream_nanos=billed_micros * 800, billed_micros=billed_micros, **values)


async def tenant_of(database: Database, **over: Any) -> Tenant:
    """Create a project with the skills `echo` and `other`."""
    async with database.transaction() as session:
        return await make_tenant(session, make_skill(), make_skill("other"), **over)


async def submitted(
    database: Database, tenant: Tenant, skill: str = "echo", by: Principal | None = None
) -> UUID:
    """Submit a job with a cap of 1,000 micros."""
    async with database.transaction() as session:
        spec = JobSpec(JobCreate(skill=skill), prices=PRICES)
        return (await submit(session, by or tenant.principal, spec)).job_id


async def started(database: Database, limit: int = 1) -> list[JobAttempt]:
    """Claim jobs with a new worker."""
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
    async with database.transaction() as session:
        return await claim(session, worker_id=worker_id, lane="default", limit=limit)


async def running(database: Database, tenant: Tenant, skill: str = "echo") -> JobAttempt:
    """Submit a job and claim it."""
    await submitted(database, tenant, skill)
    (job,) = await started(database)
    return job


async def record_calls(database: Database, job: JobAttempt, *used: LineItem) -> ledger.JobSpending | None:
    """Record line items of the job and return its spending."""
    async with database.single() as session:
        return await ledger.record_usage(session, job, used)


async def ended(database: Database, job: JobAttempt, status: Any, used: Sequence[LineItem] = ()) -> bool:
    """Finish the job."""
    async with database.transaction() as session:
        return await finish(session, job, AttemptResult(status, result={}, used=tuple(used)))


async def spent(database: Database, tenant: Tenant, micros: int, skill: str = "echo") -> None:
    """Run a job with the given cost."""
    assert await ended(database, await running(database, tenant, skill), "succeeded", [call(micros)])


async def paid(database: Database, job_id: UUID) -> tuple[int, int, int]:
    """Return the used, charged and forgiven micros of a job."""
    query = text("select used_micros, cost_micros, forgiven_micros from jobs where id = :job_id")
    async with database.transaction() as session:
        row = (await session.execute(query, {"job_id": job_id})).one()
        assert await audit.check_ledger(session) == []
    return row.used_micros, row.cost_micros, row.forgiven_micros


def other_key(tenant: Tenant) -> Principal:
    """Return the principal of another key of the project."""
    return replace(tenant.principal, id=uuid4(), label="key:other")
