"""The queue against a model of start-time fair queueing: jobs get the stamps of the model and start in its order."""

from __future__ import annotations

import asyncio
from bisect import insort
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.worker_registry import service as fleet
from backend.money.admission import TICK
from tests.chaos.rounds import ROUNDS
from tests.conftest import empty
from tests.factories.tenants import Tenant, make_job, make_tenant

WORKERS: Final = 3
acts = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "submit", "claim", "claim", "finish", "sweep"]),
        st.integers(0, 999),
    ),
    min_size=10,
    max_size=60,
)
projects = st.lists(st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 5])), min_size=1, max_size=3)
"""Window and weight of each."""

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
    parked: list[tuple[int, int, UUID]] = field(default_factory=list)
    """Lower priorities later, and of one priority in the order of submission."""


@dataclass
class Model:
    """What the queue must do, in a few lines of Python."""

    projects: list[Project]
    clock: int
    ready: dict[UUID, int] = field(default_factory=dict)
    """Stamp of each job that may start."""
    running: list[tuple[Project, JobAttempt]] = field(default_factory=list)
    submitted: int = 0

    def submit(self, project: Project, job_id: UUID, priority: int) -> None:
        self.submitted += 1
        insort(project.parked, (-priority, self.submitted, job_id))
        self._admit(project)

    def start(self, job_id: UUID) -> None:
        self.clock = max(self.clock, self.ready.pop(job_id))

    def end(self, project: Project) -> None:
        project.admitted -= 1
        self._admit(project)

    def _admit(self, project: Project) -> None:
        while project.parked and project.admitted < project.window:
            _, _, job_id = project.parked.pop(0)
            stamp = max(project.tail, self.clock)
            project.tail = stamp + TICK // project.weight
            project.admitted += 1
            self.ready[job_id] = stamp


@settings(
    max_examples=15 * ROUNDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(history=acts, given_projects=projects)
def test_jobs_start_as_in_the_model_whatever_process_claims_them(
    database_url: str, history: list[tuple[str, int]], given_projects: list[tuple[int, int]]
) -> None:
    asyncio.run(live_through(database_url, history, given_projects))


async def live_through(
    database_url: str, history: list[tuple[str, int]], given_projects: list[tuple[int, int]]
) -> None:
    """Do the acts to the queue and to the model; then claim and end all that is left."""
    database = Database(database_url)
    try:
        if await waiting_jobs(database):  # of a history that failed
            await empty(database)
        model, workers = await begin(database, given_projects)
        for act, number in history:
            await do(act, number, database, model, workers)
        while model.ready or model.running:
            await take(database, model, workers[0], most=8)
            while model.running:
                await end(database, model, 0)
        assert await waiting_jobs(database) == 0
    finally:
        await database.close()


async def do(act: str, number: int, database: Database, model: Model, workers: list[UUID]) -> None:
    if act == "submit":
        project = model.projects[number % len(model.projects)]
        await submit(database, model, project, priority=number % 2)
    elif act == "claim":
        await take(database, model, workers[number % WORKERS], most=1 + number % 4)
    elif act == "finish" and model.running:
        await end(database, model, number % len(model.running))
    elif act == "sweep":
        async with database.transaction() as session:
            await sweep(session)


async def waiting_jobs(database: Database) -> int:
    async with database.transaction() as session:
        count: int = (await session.execute(_WAITING)).scalar_one()
    return count


async def begin(database: Database, given_projects: list[tuple[int, int]]) -> tuple[Model, list[UUID]]:
    async with database.transaction() as session:
        made = []
        for window, weight in given_projects:
            tenant = await make_tenant(session, concurrency_limit=window)
            await session.execute(_SET_WEIGHT, {"weight": weight, "project_id": tenant.project_id})
            made.append(Project(tenant, window, weight))
        clock = (await session.execute(_CLOCK)).scalar_one()
        workers = [uuid4() for _ in range(WORKERS)]
        for worker_id in workers:
            await fleet.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
    return Model(made, clock), workers


async def submit(database: Database, model: Model, project: Project, *, priority: int) -> None:
    async with database.transaction() as session:
        job_id = await make_job(session, project.tenant, priority=priority)
    model.submit(project, job_id, priority)


async def take(database: Database, model: Model, worker_id: UUID, *, most: int) -> None:
    expected = sorted(model.ready.values())[:most]
    async with database.single() as session:
        claimed = await claim(session, worker_id=worker_id, lane="default", limit=most)
    assert [job.stamp for job in claimed] == expected
    for job in claimed:
        assert model.ready[job.job_id] == job.stamp
        model.start(job.job_id)
        [project] = [one for one in model.projects if one.tenant.project_id == job.project_id]
        model.running.append((project, job))


async def end(database: Database, model: Model, at: int) -> None:
    project, job = model.running.pop(at)
    async with database.transaction() as session:
        assert await finish(session, job, AttemptResult("succeeded", result={}))
    model.end(project)
