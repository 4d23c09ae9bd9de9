"""A project with webhooks, a receiver of their deliveries, and the dispatcher that sends them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest_asyncio
from sqlalchemy import text

from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.channels import Channels
from backend.integrations.webhooks.dispatch import LEASE, Dispatcher
from backend.integrations.webhooks.mailer import Mailer
from backend.integrations.webhooks.sending import Sender
from backend.money.ledger import service as ledger
from tests.doubles.receiver import Receiver
from tests.integration.deployments.conftest import BUNDLE, Project, make_project
from tests.integration.deployments.conftest import project as acme
from tests.integration.ledger.money import ended, started


@dataclass
class Hooks:
    """A project that has a skill and money, a receiver, and the actions of a worker."""

    project: Project
    receiver: Receiver
    instance: AppContext

    @property
    def database(self) -> Database:
        """Return the database of the instance."""
        return self.instance.database

    async def make(self, path: str = "/", **overrides: Any) -> Any:
        """Create a webhook at a path of the receiver."""
        body = {"url": self.receiver.url(path), **overrides}
        response = await self.project.http.post("/v1/webhooks", json=body)
        assert response.status_code == 201, response.text
        return response.json()

    async def send_test_events(self, hook: Any, count: int = 1) -> list[str]:
        """Request test events and return their IDs."""
        responses = [await self.project.http.post(f"/v1/webhooks/{hook['id']}/test") for _ in range(count)]
        return [response.json()["id"] for response in responses]

    async def job(self, status: str = "succeeded", skill: str = "double") -> str:
        """Run a job that ends with the status, and return its ID."""
        response = await self.project.http.post("/v1/jobs", json={"skill": skill, "inputs": {"n": 1}})
        assert response.status_code == 201, response.text
        (claimed,) = await started(self.database)
        assert await ended(self.database, claimed, status)
        return str(response.json()["id"])

    async def deliveries(self, hook: Any, **query: str) -> list[Any]:
        """Return the deliveries of the webhook as the API reports them, newest first."""
        response = await self.project.http.get(f"/v1/webhooks/{hook['id']}/deliveries", params=query)
        assert response.status_code == 200, response.text
        return list(response.json())

    async def read(self, hook: Any) -> Any:
        """Return the current state of the webhook."""
        return (await self.project.http.get(f"/v1/webhooks/{hook['id']}")).json()

    async def send(self, **overrides: Any) -> int:
        """Send what is due, wait for the results, and return how many deliveries were sent."""
        async with self.dispatcher(**overrides) as dispatcher:
            count = await dispatcher.send_due()
            await dispatcher.settled()
        return count

    async def make_due(self) -> None:
        """Make the next attempt of all deliveries due."""
        async with self.database.transaction() as session:
            await session.execute(text("update webhook_deliveries set next_at = now()"))

    async def set_age(self, column: str, table: str, **ago: int) -> None:
        """Set a timestamp to a time that long ago."""
        async with self.database.transaction() as session:
            query = text(f"update {table} set {column} = :then")
            await session.execute(query, {"then": now() - timedelta(**ago)})

    @asynccontextmanager
    async def dispatcher(
        self,
        *,
        max_s: float = 5.0,
        lease: timedelta = LEASE,
        connect: Callable[[], Any] | None = None,
    ) -> AsyncIterator[Dispatcher]:
        """Yield the part of a worker process that sends."""
        allowed = Receivers.of(self.instance.settings)
        sender = Sender(connect, max_s=max_s) if connect else Sender.to_public(allowed, max_s=max_s)
        channels = Channels(
            self.database,
            self.instance.vault,
            sender,
            Mailer.of(self.instance.settings),
            "https://studio.test",
        )
        dispatcher = Dispatcher(self.database, channels, lease=lease)
        try:
            yield dispatcher
        finally:
            await dispatcher.close()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Start a receiver."""
    async with Receiver().running() as receiver:
        yield receiver


@pytest_asyncio.fixture
async def instance(instance: AppContext, receiver: Receiver) -> AppContext:
    """Return the instance, whose operator allows the receiver."""
    allowed = instance.settings.model_copy(update={"webhook_hosts": receiver.place})
    return replace(instance, settings=allowed)


@pytest_asyncio.fixture
async def hooks(instance: AppContext, receiver: Receiver, project: Project) -> Hooks:
    """Create a project with money and a skill."""
    async with instance.database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=10_000_000, created_by="test")
    await project.pushed(BUNDLE)
    return Hooks(project, receiver, instance)


project = acme
__all__ = ["Hooks", "hooks", "make_project", "project"]
