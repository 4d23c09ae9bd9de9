"""The books over random histories: whatever happens in whatever order, every law of the ledger holds afterwards, and no
budget and no daily cap of a key is passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.execution.jobs import cancel as cancelling
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.attempts.subjobs import cancel_orphans, claim_subjob
from backend.execution.worker_registry import service as fleet
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

acts = st.lists(
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
class World:
    """One project and one worker, and what the test knows of them."""

    database: Database
    tenant: Tenant
    worker_id: UUID
    jobs: list[UUID] = field(default_factory=list)
    running: list[JobAttempt] = field(default_factory=list)
    stale: list[JobAttempt] = field(default_factory=list)

    def pick(self, number: int) -> JobAttempt | None:
        """Some running job, taken out of the list."""
        return self.running.pop(number % len(self.running)) if self.running else None


async def top_up(world: World, number: int) -> None:
    async with world.database.transaction() as session:
        await ledger.top_up(
            session, project_id=world.tenant.project_id, amount_micros=number + 1, created_by="test"
        )


async def submit(world: World, number: int) -> None:
    async with world.database.transaction() as session:
        skill = SKILLS[number % len(SKILLS)]
        world.jobs.append(await make_job(session, world.tenant, skill, prices=PRICES, priority=number % 3))


async def take(world: World, number: int) -> None:
    async with world.database.transaction() as session:
        world.running += await claim(session, worker_id=world.worker_id, lane="default", limit=1 + number % 3)


async def call(world: World, number: int) -> None:
    if world.running:
        job = world.running[number % len(world.running)]
        bought = ledger.LineItem("model", {"output_tokens": number}, number * 100, number // 10)
        async with world.database.single() as session:
            assert await ledger.record_usage(session, job, [bought]) is not None


async def call_job(world: World, number: int) -> None:
    if world.running:
        caller = world.running[number % len(world.running)]
        skill = SKILLS[number % len(SKILLS)]
        values = {
            "id": uuid4(),
            "caller": caller.job_id,
            "cap": 1 + number // 5,
            "skill": skill,
        }  # one of 0 can buy nothing
        async with world.database.transaction() as session:
            await session.execute(_CALL_JOB, values)
        world.jobs.append(values["id"])


async def take_called(world: World, number: int) -> None:
    if world.running:
        caller = world.running[number % len(world.running)]
        async with world.database.transaction() as session:
            called = await claim_subjob(session, worker_id=world.worker_id, parent_id=caller.job_id)
        world.running += [] if called is None else [called]


async def leave_none_behind(world: World, _: int) -> None:
    await cancel_orphans(world.database)


async def end(world: World, number: int, status: str) -> None:
    if job := world.pick(number):
        used = (ledger.LineItem("compute", {"seconds": 1}, number * 1000, number),)
        async with world.database.transaction() as session:
            await finish(session, job, AttemptResult(status, used=used))  # type: ignore[arg-type]
        world.stale.append(job)


async def drain(world: World, number: int) -> None:
    if job := world.pick(number):
        async with world.database.transaction() as session:
            await requeue(session, job_id=job.job_id, attempt=job.attempt, reason="drain")
        world.stale.append(job)


async def cancel(world: World, number: int) -> None:
    if world.jobs:
        async with world.database.transaction() as session:
            await cancelling.cancel(session, world.tenant.principal, world.jobs[number % len(world.jobs)])


async def lose(world: World, _: int) -> None:
    world.stale += world.running
    world.running = []
    async with world.database.transaction() as session:
        await session.execute(text("update workers set beat_at = to_timestamp(0)"))
    async with world.database.transaction() as session:
        await sweep(session)
    world.worker_id = uuid4()
    await join(world)


async def finish_stale(world: World, number: int) -> None:
    if world.stale:
        job = world.stale[number % len(world.stale)]
        async with world.database.transaction() as session:
            assert not await finish(session, job, AttemptResult("succeeded", result={"late": True}))


async def join(world: World) -> None:
    async with world.database.transaction() as session:
        await fleet.join(session, world.worker_id, lanes=["default"], capacity=8, layers=[])


ACTS: dict[str, Callable[[World, int], object]] = {
    "top_up": top_up,
    "submit": submit,
    "claim": take,
    "call": call,
    "call_job": call_job,
    "claim_called": take_called,
    "end_orphans": leave_none_behind,
    "succeed": lambda world, number: end(world, number, "succeeded"),
    "fail": lambda world, number: end(world, number, "failed"),
    "drain": drain,
    "cancel": cancel,
    "lose": lose,
    "finish_stale": finish_stale,
}


WINDOWS = ("day", "month", "rolling30", "total")
LIMITS = ("key_cap", "project", "skillpack", "skill", "key")

limits = st.lists(st.tuples(st.sampled_from(LIMITS), st.integers(1, 150)), min_size=1, max_size=4)
busy_acts = st.lists(
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
"""Mostly what spends; the other strategy is mostly what interrupts."""


async def limited(database: Database, tenant: Tenant, wanted: list[tuple[str, int]]) -> Tenant:
    """The tenant with a key that is its own, and these limits."""
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
    by = replace(tenant.principal, id=key.id, daily_cap_micros=key.daily_cap_micros)
    return replace(tenant, principal=by)


_PASSED = text("""
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


async def live_through(
    database_url: str, history: list[tuple[str, int]], wanted: list[tuple[str, int]] | None = None
) -> None:
    database = Database(database_url)
    try:
        async with database.transaction() as session:
            credit = 150 if wanted is None else 1_000
            made = [make_skill(name) for name in SKILLS]
            tenant = await make_tenant(session, *made, credit_micros=credit, concurrency_limit=3)
        if wanted is not None:
            tenant = await limited(database, tenant, wanted)
        world = World(database, tenant, uuid4())
        await join(world)
        for act, number in history:
            try:
                await ACTS[act](world, number)  # type: ignore[misc]
            except PurasError:
                continue  # refused, and so nothing happened
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
            passed = await session.execute(_PASSED, {"project_id": tenant.project_id})
            assert passed.all() == []
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


@settings(
    max_examples=20 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=acts)
def test_every_law_of_the_books_holds_after_any_history(
    database_url: str, history: list[tuple[str, int]]
) -> None:
    asyncio.run(live_through(database_url, history))


@settings(
    max_examples=30 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=busy_acts, wanted=limits)
def test_no_budget_and_no_daily_cap_is_passed_in_any_history(
    database_url: str, history: list[tuple[str, int]], wanted: list[tuple[str, int]]
) -> None:
    asyncio.run(live_through(database_url, history, wanted))
