"""The ledger of projects that buy runs from each other: in any order of operations, no micro is created or lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
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
from backend.execution.worker_registry import service as worker_registry
from backend.marketplace.tables import Listing
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from backend.money.pricing import PriceList
from tests.chaos.rounds import ROUNDS
from tests.factories.tenants import Tenant, make_job, make_listing, make_tenant

PROJECTS = 3
CREDIT = 400
operations = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("submit", "submit", "submit_own", "claim", "claim", "call", "succeed", "succeed", "fail"),
                *(
                    "drain",
                    "cancel",
                    "lose",
                    "finish_stale",
                    "change_price",
                    "change_fee",
                    "take_down",
                    "top_up",
                ),
            ]
        ),
        st.integers(0, 1_000),
    ),
    min_size=8,
    max_size=50,
)


@dataclass
class State:
    """Projects with one listing each, one worker, and their jobs."""

    database: Database
    tenants: list[Tenant]
    listings: list[Listing]
    worker_id: UUID
    fee_pct: int = 0
    jobs: list[tuple[Tenant, UUID]] = field(default_factory=list)
    running: list[JobAttempt] = field(default_factory=list)
    stale: list[JobAttempt] = field(default_factory=list)

    @property
    def prices(self) -> PriceList:
        """Return the price list with the current fee of the marketplace."""
        return PriceList(
            compute_micros_per_second=3, job_timeout_s=10, forgiven_micros=60, market_fee_pct=self.fee_pct
        )

    def pick(self, number: int) -> JobAttempt | None:
        """Remove a running job from the list, and return it."""
        return self.running.pop(number % len(self.running)) if self.running else None


async def submit(state: State, number: int) -> None:
    """Submit a run of a listing, possibly that of the project itself."""
    caller = state.tenants[number % PROJECTS]
    listing = state.listings[number // PROJECTS % PROJECTS]
    async with state.database.transaction() as session:
        job = await make_job(session, caller, None, listing_id=listing.slug, prices=state.prices)
    state.jobs.append((caller, job))


async def submit_own(state: State, number: int) -> None:
    """Submit a job of a skill of the project itself."""
    caller = state.tenants[number % PROJECTS]
    async with state.database.transaction() as session:
        state.jobs.append((caller, await make_job(session, caller, prices=state.prices)))


async def claim_jobs(state: State, number: int) -> None:
    """Claim up to three jobs, and requeue those without a reservation."""
    async with state.database.transaction() as session:
        claimed = await claim(session, worker_id=state.worker_id, lane="default", limit=1 + number % 3)
    for job in claimed:  # as in the worker, a job without a reservation does not start
        if job.cap_micros and not job.reserved_micros:
            assert job.price_micros == 0 or job.reserved_micros == 0
            async with state.database.transaction() as session:
                await requeue(session, job_id=job.job_id, attempt=job.attempt, reason="wallet_held")
        else:
            assert job.reserved_micros >= job.price_micros, "its price could not be paid"
            state.running.append(job)


async def call(state: State, number: int) -> None:
    """Record the usage of a model call of a running job."""
    if state.running:
        job = state.running[number % len(state.running)]
        item = ledger.LineItem("model", {"output_tokens": number}, number * 100, number // 10)
        async with state.database.single() as session:
            recorded = await ledger.record_usage(session, job, [item])
        assert recorded is not None
        assert recorded.remaining_micros + recorded.used_micros + job.price_micros >= job.reserved_micros


async def end(state: State, number: int, status: Any) -> None:
    """Finish a running job with a status."""
    if job := state.pick(number):
        used = (ledger.LineItem("compute", {"seconds": 1}, number % 50 * 1000, number % 50),)
        async with state.database.transaction() as session:
            await finish(session, job, AttemptResult(status, used=used))
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
        caller, job_id = state.jobs[number % len(state.jobs)]
        async with state.database.transaction() as session:
            await cancellation.cancel(session, caller.principal, job_id)


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


async def change_price(state: State, number: int) -> None:
    """Change the price of a listing."""
    values = {"id": state.listings[number % PROJECTS].id, "price": number // 4}
    async with state.database.transaction() as session:
        await session.execute(text("update listings set price_micros = :price where id = :id"), values)


async def change_fee(state: State, number: int) -> None:
    """Change the fee of the marketplace."""
    state.fee_pct = number % 101


async def take_down(state: State, number: int) -> None:
    """Change the status of a listing to taken down or published."""
    values = {"id": state.listings[number % PROJECTS].id, "status": ("taken_down", "published")[number % 2]}
    async with state.database.transaction() as session:
        await session.execute(text("update listings set status = :status where id = :id"), values)


async def top_up(state: State, number: int) -> None:
    """Add credit to the wallet of a project."""
    async with state.database.transaction() as session:
        await ledger.top_up(
            session,
            project_id=state.tenants[number % PROJECTS].project_id,
            amount_micros=number + 1,
            created_by="test",
        )


async def join(state: State) -> None:
    """Register the worker."""
    async with state.database.transaction() as session:
        await worker_registry.join(session, state.worker_id, lanes=["default"], capacity=8, layers=[])


OPERATIONS: dict[str, Callable[[State, int], Any]] = {
    "submit": submit,
    "submit_own": submit_own,
    "claim": claim_jobs,
    "call": call,
    "succeed": lambda state, number: end(state, number, "succeeded"),
    "fail": lambda state, number: end(state, number, "failed"),
    "drain": drain,
    "cancel": cancel,
    "lose": lose,
    "finish_stale": finish_stale,
    "change_price": change_price,
    "change_fee": change_fee,
    "take_down": take_down,
    "top_up": top_up,
}

_ACCOUNTS = text("""
select coalesce(sum(amount_micros), 0) as total,
       coalesce(sum(amount_micros) filter (where account = 'wallet'), 0) as wallets,
       coalesce(sum(amount_micros) filter (where kind = 'listing_sale' and account = 'wallet'), 0) as credited,
       coalesce(-sum(amount_micros) filter (where kind = 'listing_sale' and account = 'revenue'), 0) as given
from ledger_entries
""")
_BALANCES = text("select sum(balance_micros), bool_and(balance_micros >= reserved_micros) from wallets")
_PRICES = text("""
select coalesce(sum(u.billed_micros), 0) as paid, coalesce(sum(j.price_micros - j.earning_micros), 0) as fees
from usage_events u join jobs j on j.id = u.job_id where u.kind = 'listing'
""")
_TWICE = text("""
select job_id, kind, account from ledger_entries where job_id is not null
group by job_id, kind, account having count(*) > 1
""")


async def run_history(database_url: str, history: list[tuple[str, int]]) -> None:
    """Apply the operations, and check the ledger afterwards."""
    database = Database(database_url)
    try:
        async with database.transaction() as session:
            tenants = [
                await make_tenant(session, credit_micros=CREDIT, concurrency_limit=3) for _ in range(PROJECTS)
            ]
            listings = [
                await make_listing(session, one, price_micros=price)
                for one, price in zip(tenants, (0, 7, 150), strict=True)
            ]
        state = State(database, tenants, listings, uuid4())
        await join(state)
        for operation, number in history:
            try:
                await OPERATIONS[operation](state, number)
            except PurasError:
                continue  # the operation was rejected
        await check_ledger(database)
    finally:
        await database.close()


async def check_ledger(database: Database) -> None:
    """Assert all invariants of the ledger."""
    async with database.transaction() as session:
        assert await audit.check_ledger(session) == []
        accounts = (await session.execute(_ACCOUNTS)).one()
        assert accounts.total == 0, "money was created or lost"
        held, is_covered = (await session.execute(_BALANCES)).one()
        assert held == accounts.wallets
        assert is_covered, "more is reserved than there is"
        prices = (await session.execute(_PRICES)).one()
        assert accounts.credited == accounts.given == prices.paid - prices.fees
        assert (await session.execute(_TWICE)).all() == []
        await session.execute(text("delete from workers"))


@settings(max_examples=20 * ROUNDS)
@given(history=operations)
def test_ledger_of_buying_projects_is_correct_after_any_history(
    database_url: str, history: list[tuple[str, int]]
) -> None:
    asyncio.run(run_history(database_url, history))
