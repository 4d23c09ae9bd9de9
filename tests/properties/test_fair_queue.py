"""The queue compared with a model of start-time fair queueing: stamps and start order of jobs must be equal."""

from __future__ import annotations

import asyncio
from bisect import insort
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.worker_registry import service as worker_registry
from backend.money.admission import TICK
from tests.chaos.rounds import ROUNDS
from tests.conftest import empty
from tests.factories.tenants import Tenant, make_job, make_tenant

WORKERS: Final = 3
operations = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "submit", "claim", "claim", "finish", "sweep"]),
        st.integers(0, 999),
    ),
    min_size=10,
    max_size=60,
)
projects = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 5])), min_size=1, max_size=3)
"""The window and the weight of each project."""

_SET_WEIGHT = text("update admissions set weight = :weight where project_id = :project_id")
_CLOCK = text("select last_value from fair_clock")
_WAITING = text("select count(*) from job_queue")


@dataclass
class Project:
    """A project of the model: its window, its virtual time, and its jobs."""

    tenant: Tenant
    window: int
    weight: int
    tail: int = 0
    admitted: int = 0
    pending: list[tuple[int, int, UUID]] = field(default_factory=list)
    """Pending jobs by decreasing priority; jobs of the same priority in the order of submission."""


@dataclass
class Model:
    """The expected behavior of the queue."""

    projects: list[Project]
    clock: int
    ready: dict[UUID, int] = field(default_factory=dict)
    """The stamp of each ready job."""
    running: list[tuple[Project, JobAttempt]] = field(default_factory=list)
    submitted: int = 0

    def submit(self, project: Project, job_id: UUID, priority: int) -> None:
        """Add a pending job, and fill the window of its project."""
        self.submitted += 1
        insort(project.pending, (-priority, self.submitted, job_id))
        self._admit(project)

    def start(self, job_id: UUID) -> None:
        """Start a ready job, which advances the virtual clock to its stamp."""
        self.clock = max(self.clock, self.ready.pop(job_id))

    def end(self, project: Project) -> None:
        """Finish a job, and fill the window of its project."""
        project.admitted -= 1
        self._admit(project)

    def _admit(self, project: Project) -> None:
        while project.pending and project.admitted < project.window:
            _, _, job_id = project.pending.pop(0)
            stamp = max(project.tail, self.clock)
            project.tail = stamp + TICK // project.weight
            project.admitted += 1
            self.ready[job_id] = stamp


@settings(max_examples=15 * ROUNDS)
@given(history=operations, given_projects=projects)
def test_jobs_start_as_in_the_model_for_any_claiming_worker(
    database_url: str, history: list[tuple[str, int]], given_projects: list[tuple[int, int]]
) -> None:
    asyncio.run(run_history(database_url, history, given_projects))


async def run_history(
    database_url: str, history: list[tuple[str, int]], given_projects: list[tuple[int, int]]
) -> None:
    """Apply the operations to the queue and to the model; then claim and finish all remaining jobs."""
    database = Database(database_url)
    try:
        if await waiting_jobs(database):  # left by a failed history
            empty(database_url)
        model, workers = await set_up(database, given_projects)
        for operation, number in history:
            await apply(operation, number, database, model, workers)
        while model.ready or model.running:
            await claim_jobs(database, model, workers[0], limit=8)
            while model.running:
                await end(database, model, 0)
        assert await waiting_jobs(database) == 0
    finally:
        await database.close()


async def apply(operation: str, number: int, database: Database, model: Model, workers: list[UUID]) -> None:
    """Apply one operation to the queue and to the model."""
    if operation == "submit":
        project = model.projects[number % len(model.projects)]
        await submit(database, model, project, priority=number % 2)
    elif operation == "claim":
        await claim_jobs(database, model, workers[number % WORKERS], limit=1 + number % 4)
    elif operation == "finish" and model.running:
        await end(database, model, number % len(model.running))
    elif operation == "sweep":
        async with database.transaction() as session:
            await sweep(session)


async def waiting_jobs(database: Database) -> int:
    """Return the number of jobs in the queue."""
    async with database.transaction() as session:
        count: int = (await session.execute(_WAITING)).scalar_one()
    return count


async def set_up(database: Database, given_projects: list[tuple[int, int]]) -> tuple[Model, list[UUID]]:
    """Create the projects and workers, and return the model and the worker IDs."""
    async with database.transaction() as session:
        made = []
        for window, weight in given_projects:
            tenant = await make_tenant(session, concurrency_limit=window)
            await session.execute(_SET_WEIGHT, {"weight": weight, "project_id": tenant.project_id})
            made.append(Project(tenant, window, weight))
        clock = (await session.execute(_CLOCK)).scalar_one()
        workers = [uuid4() for _ in range(WORKERS)]
        for worker_id in workers:
            await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
    return Model(made, clock), workers


async def submit(database: Database, model: Model, project: Project, *, priority: int) -> None:
    """Submit a job to the queue and to the model."""
    async with database.transaction() as session:
        job_id = await make_job(session, project.tenant, priority=priority)
    model.submit(project, job_id, priority)


async def claim_jobs(database: Database, model: Model, worker_id: UUID, *, limit: int) -> None:
    """Claim jobs, and check that they are those that the model expects."""
    expected = sorted(model.ready.values())[:limit]
    async with database.single() as session:
        claimed = await claim(session, worker_id=worker_id, lane="default", limit=limit)
    assert [job.stamp for job in claimed] == expected
    for job in claimed:
        assert model.ready[job.job_id] == job.stamp
        model.start(job.job_id)
        [project] = [one for one in model.projects if one.tenant.project_id == job.project_id]
        model.running.append((project, job))


async def end(database: Database, model: Model, at: int) -> None:
    """Finish a running job in the queue and in the model."""
    project, job = model.running.pop(at)
    async with database.transaction() as session:
        assert await finish(session, job, AttemptResult("succeeded", result={}))
    model.end(project)
