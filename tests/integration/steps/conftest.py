"""A project with functions that consist of durable steps, and workers that can be lost."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest_asyncio
from sqlalchemy import text

from backend.config.quotas import Quotas
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.execution.jobs.attempts.requeue import requeue
from backend.money.ledger import service as ledger
from tests.factories.worker import woken
from tests.integration.deployments.conftest import Project, make_project, project
from workers.attempt.attempt import EndedBy
from workers.drives.staged import StagedDrives
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

__all__ = ["make_project", "project"]

_SKILL = """\
entrypoint: main.py:run
input_schema: {type: object}
output_schema: {}
retries: {max: 20, on: [worker_lost]}
"""
WITHIN_S = 40.0


@dataclass
class Functions:
    """Deploys functions, runs their jobs, and ends workers."""

    project: Project
    database: Database
    instance: AppContext
    home: Path
    supervisors: list[Supervisor] = field(default_factory=list)

    async def deploy(self, code: str, *, skill: str = _SKILL) -> None:
        """Deploy a function `run` as the skill `steps`."""
        files = {
            "skills/steps/skill.yaml": skill.encode(),
            "skills/steps/main.py": textwrap.dedent(code).encode(),
        }
        await self.project.pushed(files)

    async def submit(self, **inputs: Any) -> str:
        """Submit a job of the function, and return its ID."""
        response = await self.project.http.post("/v1/jobs", json={"skill": "steps", "inputs": inputs})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    async def job(self, job_id: str) -> dict[str, Any]:
        """Return a job."""
        response = await self.project.http.get(f"/v1/jobs/{job_id}")
        return dict(response.json())

    async def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Wait until the job has one of these statuses, by default a final one, and return it."""
        wanted = statuses or ("succeeded", "failed", "cancelled")
        async with asyncio.timeout(WITHIN_S):
            while (job := await self.job(job_id))["status"] not in wanted:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.03)
        return job

    async def run(self, **inputs: Any) -> dict[str, Any]:
        """Run a job to its end."""
        return await self.until(await self.submit(**inputs))

    async def steps(self, job_id: str) -> list[dict[str, Any]]:
        """Return the steps of a job."""
        response = await self.project.http.get(f"/v1/jobs/{job_id}/steps?limit=200")
        assert response.status_code == 200, response.text
        return list(response.json())

    async def events(self, job_id: str, *types: str) -> list[dict[str, Any]]:
        """Return the events of these types of a job."""
        found = (await self.project.http.get(f"/v1/jobs/{job_id}/events")).json()
        return [event for event in found if event["type"] in types]

    async def send(self, event_type: str, data: object = None, **fields: Any) -> dict[str, Any]:
        """Send an event to the project."""
        response = await self.project.http.post(
            "/v1/events", json={"type": event_type, "data": data, **fields}
        )
        assert response.status_code in {200, 201}, response.text
        return {**response.json(), "status_code": response.status_code}

    async def query(self, sql: str, **values: Any) -> list[Any]:
        """Return the rows of a query."""
        async with self.database.transaction() as session:
            return list((await session.execute(text(sql), values)).all())

    def drive(self, name: str) -> Path:
        """Return the path of a file of the drive."""
        return self.instance.storage.drive_dir(self.project.id, None) / name  # type: ignore[operator]

    async def until_file(self, name: str) -> None:
        """Wait until the function has written a file of the drive."""
        async with asyncio.timeout(WITHIN_S):
            while not await asyncio.to_thread(self.drive(name).exists):  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.02)

    async def lose_worker(self, job_id: str) -> None:
        """End the process of the job as if its worker was lost, and let another worker have the job."""
        for supervisor in self.supervisors:
            attempt = supervisor._attempts.get(UUID(job_id))
            if attempt is not None:
                attempt.end(EndedBy.LOSS)
                assert attempt.task is not None
                await asyncio.wait({attempt.task})
                async with self.database.transaction() as session:
                    await requeue(
                        session,
                        job_id=UUID(job_id),
                        attempt=attempt.job_attempt.attempt,
                        reason="worker_lost",
                        is_lost=False,
                    )

    @asynccontextmanager
    async def worker(self, *, capacity: int = 4) -> AsyncIterator[Supervisor]:
        """Run a worker; at the end, it drains."""
        runner = DeterministicRunner(
            SandboxRuntime(self.home, sandbox="auto", api_base="http://127.0.0.1:1", idle_s=60, pool_mb=512)
        )
        drives = StagedDrives(self.instance.storage, self.database, Quotas(), self.home / "drives")
        supervisor = Supervisor(
            self.instance, {"deterministic": runner}, lanes=["default"], capacity=capacity, drives=drives
        )
        self.supervisors.append(supervisor)
        try:
            async with woken(supervisor, drain_s=0.5):
                yield supervisor
        finally:
            await runner.close()


@pytest_asyncio.fixture
async def idle(project: Project, database: Database, instance: AppContext, tmp_path: Path) -> Functions:
    """Return functions without a worker."""
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    return Functions(project, database, instance, tmp_path)


@pytest_asyncio.fixture
async def functions(idle: Functions) -> AsyncIterator[Functions]:
    """Return functions with a worker."""
    async with idle.worker():
        yield idle
