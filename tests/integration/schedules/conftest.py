"""A project with a skill, and schedules whose time a test makes."""

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
"""Nothing here waits for it: a moment is told to those who look what is due."""
HOUR = timedelta(hours=1)
TERMS = JobDefaults(PriceList())


@dataclass
class Timetable:
    """A project and the hands of those who look at its schedules."""

    project: Project
    instance: AppContext

    @property
    def database(self) -> Database:
        """Of the instance."""
        return self.instance.database

    async def make(self, **over: Any) -> Any:
        """A schedule for every hour, whose next moment is nine o'clock."""
        asked = {"name": "Hourly", "skill": "double", "inputs": {"n": 2}, "cron": "0 * * * *", **over}
        answer = await self.project.http.post("/v1/schedules", json=asked)
        assert answer.status_code == 201, answer.text
        await self.next_is(answer.json()["id"], NINE)
        return answer.json()

    async def next_is(self, schedule_id: str, moment: datetime) -> None:
        """Let its next moment be this one."""
        async with self.database.transaction() as session:
            query = text("update schedules set next_at = :moment where id = :id and enabled")
            await session.execute(query, {"moment": moment, "id": schedule_id})

    async def look(self, at: datetime) -> int:
        """What a worker does every second, at that moment."""
        return await fire_due(self.database, TERMS, at=at)

    async def read(self, schedule: Any) -> Any:
        """The schedule as it stands."""
        answer = await self.project.http.get(f"/v1/schedules/{schedule['id']}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def runs(self, schedule: Any) -> list[Any]:
        """Its runs, the earliest first."""
        answer = await self.project.http.get(f"/v1/schedules/{schedule['id']}/runs")
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()))

    async def outcomes(self, schedule: Any) -> list[str]:
        """What its moments came to, the earliest first."""
        return [run["outcome"] for run in await self.runs(schedule)]

    async def jobs(self) -> list[Any]:
        """The jobs of schedules, the earliest first."""
        return list(reversed((await self.project.http.get("/v1/jobs?source=schedule")).json()))

    async def end(self, count: int = 1) -> None:
        """Let waiting jobs run to their end."""
        for claimed in await started(self.database, most=count):
            assert await ended(self.database, claimed, "succeeded")


@pytest_asyncio.fixture
async def times(instance: AppContext, project: Project) -> AsyncIterator[Timetable]:
    """A project with money and a skill."""
    async with instance.database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=10_000_000, created_by="test")
    await project.pushed(BUNDLE)
    yield Timetable(project, instance)


project = acme
__all__ = ["HOUR", "NINE", "TERMS", "Timetable", "make_project", "project", "times"]
