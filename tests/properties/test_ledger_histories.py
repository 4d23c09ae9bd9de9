"""The ledger after random histories: in any order of operations, every invariant of the ledger holds.

No budget and no spending limit of a key is exceeded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.execution.jobs import cancel as cancellation
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.attempts.subjobs import cancel_orphans, claim_subjob
from backend.execution.worker_registry import service as worker_registry
from backend.identity.api_keys import keys
from backend.money.budgets import service as budgets
from backend.money.budgets.schemas import BudgetCreate
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from backend.money.pricing import PriceList
from tests.chaos.rounds import ROUNDS
from tests.factories.tenants import Tenant, make_job, make_skill, make_tenant

FORGIVEN_A_DAY = 100
PRICES = PriceList(compute_micros_per_second=7, job_timeout_s=10, forgiven_micros=FORGIVEN_A_DAY)
SKILLS = ("echo", "other")

operations = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "top_up",
                "submit",
                "claim",
                "call",
                "call_job",
                "claim_called",
                "end_orphans",
                "succeed",
                "fail",
                "drain",
                "cancel",
                "lose",
                "finish_stale",
            ]
        ),
        st.integers(0, 1_000),
    ),
    min_size=5,
    max_size=40,
)


_CALL_JOB = text("""
insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, parent_job_id,
                  status, inputs, lane, priority, source, cap_micros, forgivable_micros, event_seq, submitted_by,
                  created_at, api_key_id)
select :id, project_id, skillpack_id, deployment_id, deployment_version, :skill, type, id, 'queued', inputs, lane,
       priority, 'subagent', :cap, forgivable_micros, 1, 'job', clock_timestamp(), api_key_id
from jobs where id = :caller and status = 'running'
""")


@dataclass
class State:
    """One project and one worker, with their jobs."""

    database: Database
    tenant: Tenant
    worker_id: UUID
    jobs: list[UUID] = field(default_factory=list)
    running: list[JobAttempt] = field(default_factory=list)
    stale: list[JobAttempt] = field(default_factory=list)

    def pick(self, number: int) -> JobAttempt | None:
        """Remove a running job from the list, and return it."""
        return self.running.pop(number % len(self.running)) if self.running else None


async def top_up(state: State, number: int) -> None:
    """Add credit to the wallet."""
    async with state.database.transaction() as session:
        await ledger.top_up(
            session, project_id=state.tenant.project_id, amount_micros=number + 1, created_by="test"
        )


async def submit(state: State, number: int) -> None:
    """Submit a job."""
    async with state.database.transaction() as session:
        skill = SKILLS[number % len(SKILLS)]
        state.jobs.append(await make_job(session, state.tenant, skill, prices=PRICES, priority=number % 3))


async def claim_jobs(state: State, number: int) -> None:
    """Claim up to three jobs."""
    async with state.database.transaction() as session:
        state.running += await claim(session, worker_id=state.worker_id, lane="default", limit=1 + number % 3)


async def call(state: State, number: int) -> None:
    """Record the usage of a model call of a running job."""
    if state.running:
        job = state.running[number % len(state.running)]
        item = ledger.LineItem("model", {"output_tokens": number}, number * 100, number // 10)
        async with state.database.single() as session:
            assert await ledger.record_usage(session, job, [item]) is not None


async def call_job(state: State, number: int) -> None:
    """Submit a subjob of a running job."""
    if state.running:
        caller = state.running[number % len(state.running)]
        skill = SKILLS[number % len(SKILLS)]
        values = {
            "id": uuid4(),
            "caller": caller.job_id,
            "cap": 1 + number // 5,
            "skill": skill,
        }  # a job with a cap of 0 cannot pay for anything
        async with state.database.transaction() as session:
            await session.execute(_CALL_JOB, values)
        state.jobs.append(values["id"])


async def claim_called(state: State, number: int) -> None:
    """Claim a subjob of a running job."""
    if state.running:
        caller = state.running[number % len(state.running)]
        async with state.database.transaction() as session:
            called = await claim_subjob(session, worker_id=state.worker_id, parent_id=caller.job_id)
        state.running += [] if called is None else [called]


async def end_orphans(state: State, _: int) -> None:
    """Cancel the subjobs of ended jobs."""
    await cancel_orphans(state.database)


async def end(state: State, number: int, status: str) -> None:
    """Finish a running job with a status."""
    if job := state.pick(number):
        used = (ledger.LineItem("compute", {"seconds": 1}, number * 1000, number),)
        async with state.database.transaction() as session:
            await finish(session, job, AttemptResult(status, used=used))  # type: ignore[arg-type]
        state.stale.append(job)


async def drain(state: State, number: int) -> None:
    """Requeue a running job, as a worker that drains."""
    if job := state.pick(number):
        async with state.database.transaction() as session:
            await requeue(session, job_id=job.job_id, attempt=job.attempt, reason="drain")
        state.stale.append(job)


async def cancel(state: State, number: int) -> None:
    """Cancel a job."""
    if state.jobs:
        async with state.database.transaction() as session:
            await cancellation.cancel(session, state.tenant.principal, state.jobs[number % len(state.jobs)])


async def lose(state: State, _: int) -> None:
    """Lose the worker with all its running jobs, and start another one."""
    state.stale += state.running
    state.running = []
    async with state.database.transaction() as session:
        await session.execute(text("update workers set beat_at = to_timestamp(0)"))
    async with state.database.transaction() as session:
        await sweep(session)
    state.worker_id = uuid4()
    await join(state)


async def finish_stale(state: State, number: int) -> None:
    """Assert that an earlier attempt cannot finish its job."""
    if state.stale:
        job = state.stale[number % len(state.stale)]
        async with state.database.transaction() as session:
            assert not await finish(session, job, AttemptResult("succeeded", result={"late": True}))


async def join(state: State) -> None:
    """Register the worker."""
    async with state.database.transaction() as session:
        await worker_registry.join(session, state.worker_id, lanes=["default"], capacity=8, layers=[])


OPERATIONS: dict[str, Callable[[State, int], object]] = {
    "top_up": top_up,
    "submit": submit,
    "claim": claim_jobs,
    "call": call,
    "call_job": call_job,
    "claim_called": claim_called,
    "end_orphans": end_orphans,
    "succeed": lambda state, number: end(state, number, "succeeded"),
    "fail": lambda state, number: end(state, number, "failed"),
    "drain": drain,
    "cancel": cancel,
    "lose": lose,
    "finish_stale": finish_stale,
}


WINDOWS = ("day", "month", "rolling30", "total")
LIMITS = ("key_cap", "project", "skillpack", "skill", "key")

limits = st.lists(st.tuples(st.sampled_from(LIMITS), st.integers(1, 150)), min_size=1, max_size=4)
spending_operations = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *(["submit", "claim", "call"] * 3),
                *(["call_job", "claim_called", "succeed"] * 2),
                *("fail", "drain", "cancel", "lose", "end_orphans"),
            ]
        ),
        st.integers(0, 700),
    ),
    min_size=25,
    max_size=60,
)
"""Mostly operations that spend money; the other strategy has mostly operations that interrupt jobs."""


async def limited(database: Database, tenant: Tenant, wanted: list[tuple[str, int]]) -> Tenant:
    """Create a key and these limits, and return the tenant with this key."""
    caps = [micros for kind, micros in wanted if kind == "key_cap"]
    async with database.transaction() as session:
        cap = keys.Limits(daily_cap_micros=min(caps, default=None))
        key = (await keys.create(session, None, project_id=tenant.project_id, limits=cap)).key
        for number, (kind, micros) in enumerate(wanted):
            of: dict[str, Any] = {
                "skillpack": {"skillpack": "default"},
                "skill": {"skill": SKILLS[micros % len(SKILLS)]},
                "key": {"api_key_id": key.id},
            }.get(kind, {})
            window = WINDOWS[micros % len(WINDOWS)]
            budget = {"name": str(number), "scope": kind, "window": window, "limit_usd": micros / 1e6}
            if kind != "key_cap":
                await budgets.create(session, tenant.principal, BudgetCreate(**budget, **of))
    principal = replace(tenant.principal, id=key.id, daily_cap_micros=key.daily_cap_micros)
    return replace(tenant, principal=principal)


_EXCEEDED = text("""
select l.name, l.limit_micros, sum(d.spent_micros + d.forgiven_micros) as spent_micros
from (
  select name, limit_micros, skillpack_id, skill_name, api_key_id, project_id from budgets
  union all
  select 'key_cap', daily_cap_micros, null, null, id, project_id from api_keys where daily_cap_micros is not null
) l join daily_spending d on d.project_id = l.project_id and (l.skillpack_id is null or d.skillpack_id = l.skillpack_id)
  and (l.skill_name is null or d.skill_name = l.skill_name) and (l.api_key_id is null or d.api_key_id = l.api_key_id)
where l.project_id = :project_id
group by l.name, l.limit_micros, d.day having sum(d.spent_micros + d.forgiven_micros) > l.limit_micros
""")


async def run_history(
    database_url: str, history: list[tuple[str, int]], wanted: list[tuple[str, int]] | None = None
) -> None:
    """Apply the operations, and check the ledger and all limits afterwards."""
    database = Database(database_url)
    try:
        async with database.transaction() as session:
            credit = 150 if wanted is None else 1_000
            made = [make_skill(name) for name in SKILLS]
            tenant = await make_tenant(session, *made, credit_micros=credit, concurrency_limit=3)
        if wanted is not None:
            tenant = await limited(database, tenant, wanted)
        state = State(database, tenant, uuid4())
        await join(state)
        for operation, number in history:
            try:
                await OPERATIONS[operation](state, number)  # type: ignore[misc]
            except PurasError:
                continue  # the operation was rejected
        async with database.transaction() as session:
            assert await audit.check_ledger(session) == []
            forgiven = await session.scalar(
                text("select coalesce(sum(forgiven_micros), 0) from jobs where project_id = :project_id"),
                {"project_id": tenant.project_id},
            )
            assert forgiven <= FORGIVEN_A_DAY * 2, "one day's, or two days' when midnight passes"
            below_zero = await session.execute(
                text("select 1 from wallets where balance_micros < reserved_micros")
            )
            assert below_zero.first() is None
            exceeded = await session.execute(_EXCEEDED, {"project_id": tenant.project_id})
            assert exceeded.all() == []
            over = await session.execute(
                text("""
                    select id from jobs where project_id = :project_id and parent_job_id is null
                    and cost_micros + forgiven_micros + called_cost_micros + called_forgiven_micros > cap_micros
                """),
                {"project_id": tenant.project_id},
            )
            assert over.all() == [], "no job costs more than its own cap"
            await session.execute(text("delete from workers"))
    finally:
        await database.close()


@settings(max_examples=20 * ROUNDS)
@given(history=operations)
def test_ledger_is_correct_after_any_history(database_url: str, history: list[tuple[str, int]]) -> None:
    asyncio.run(run_history(database_url, history))


@settings(max_examples=15 * ROUNDS)
@given(history=spending_operations, wanted=limits)
def test_no_budget_and_no_daily_cap_is_exceeded_in_any_history(
    database_url: str, history: list[tuple[str, int]], wanted: list[tuple[str, int]]
) -> None:
    asyncio.run(run_history(database_url, history, wanted))
