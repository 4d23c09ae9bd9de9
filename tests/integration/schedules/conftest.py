"""A project with a skill, and schedules at times that the test chooses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio
from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.execution.schedules.dispatcher import JobDefaults, fire_due
from backend.money.ledger import service as ledger
from backend.money.pricing import PriceList
from tests.integration.deployments.conftest import BUNDLE, Project, make_project
from tests.integration.deployments.conftest import project as acme
from tests.integration.ledger.money import ended, started

NINE = datetime(2027, 6, 1, 9, tzinfo=UTC)
"""No test waits for this time: the tests pass it to the dispatcher of schedules."""
HOUR = timedelta(hours=1)
TERMS = JobDefaults(PriceList())


@dataclass
class Timetable:
    """A project with schedules, and the actions of the workers that dispatch them."""

    project: Project
    instance: AppContext

    @property
    def database(self) -> Database:
        """Return the database of the instance."""
        return self.instance.database

    async def make(self, **overrides: Any) -> Any:
        """Create an hourly schedule whose next time is nine o'clock."""
        body = {"name": "Hourly", "skill": "double", "inputs": {"n": 2}, "cron": "0 * * * *", **overrides}
        response = await self.project.http.post("/v1/schedules", json=body)
        assert response.status_code == 201, response.text
        await self.set_next_time(response.json()["id"], NINE)
        return response.json()

    async def set_next_time(self, schedule_id: str, time: datetime) -> None:
        """Set the next time of the schedule."""
        async with self.database.transaction() as session:
            query = text("update schedules set next_at = :moment where id = :id and enabled")
            await session.execute(query, {"moment": time, "id": schedule_id})

    async def dispatch(self, at: datetime) -> int:
        """Dispatch due schedules, as a worker does every second, at that time."""
        return await fire_due(self.database, TERMS, at=at)

    async def read(self, schedule: Any) -> Any:
        """Return the current state of the schedule."""
        response = await self.project.http.get(f"/v1/schedules/{schedule['id']}")
        assert response.status_code == 200, response.text
        return response.json()

    async def runs(self, schedule: Any) -> list[Any]:
        """Return the runs of the schedule, the earliest first."""
        response = await self.project.http.get(f"/v1/schedules/{schedule['id']}/runs")
        assert response.status_code == 200, response.text
        return list(reversed(response.json()))

    async def outcomes(self, schedule: Any) -> list[str]:
        """Return the outcomes of the scheduled times, the earliest first."""
        return [run["outcome"] for run in await self.runs(schedule)]

    async def jobs(self) -> list[Any]:
        """Return the jobs of all schedules, the earliest first."""
        return list(reversed((await self.project.http.get("/v1/jobs?source=schedule")).json()))

    async def end(self, count: int = 1) -> None:
        """Run queued jobs to their end."""
        for claimed in await started(self.database, count):
            assert await ended(self.database, claimed, "succeeded")


@pytest_asyncio.fixture
async def times(instance: AppContext, project: Project) -> AsyncIterator[Timetable]:
    """Create a project with money and a skill."""
    async with instance.database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=10_000_000, created_by="test")
    await project.pushed(BUNDLE)
    yield Timetable(project, instance)


project = acme
__all__ = ["HOUR", "NINE", "TERMS", "Timetable", "make_project", "project", "times"]
