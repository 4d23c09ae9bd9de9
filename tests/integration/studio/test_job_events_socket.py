"""The socket for job events: each event once, and only for users who have access to the job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import delete
from sqlmodel import col

from backend.context import AppContext
from backend.core import notifications
from backend.core.db.engine import Database
from backend.core.notifications import RedisNotifier
from backend.execution.comments import service as comments
from backend.execution.comments.schemas import CommentCreate
from backend.execution.jobs.cancel import cancel
from backend.identity.auth.accounts import sessions, users
from backend.identity.auth.last_use import LastUse
from backend.identity.tables import Member, Project
from studio import session
from studio.following import INVALID_MESSAGE, MAX_CHARACTERS, following
from tests.factories.tenants import Tenant, make_job, make_tenant

PORT = 8123
WITHIN_S = 10.0


class BrowserSocket:
    """The browser's side of the socket."""

    def __init__(self, token: str) -> None:
        self._to_server: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._to_page: asyncio.Queue[Any] = asyncio.Queue()
        self._entries: list[list[Any]] = []
        cookie = f"puras_session_{PORT}={token}".encode()
        scope = {
            "type": "websocket",
            "path": "/_follow",
            "headers": [(b"cookie", cookie)],
            "subprotocols": [],
        }
        self._to_server.put_nowait({"type": "websocket.connect"})
        self._serving = asyncio.create_task(following(scope, self._to_server.get, self._to_page.put))

    async def send(self, text: str) -> None:
        await self._to_server.put({"type": "websocket.receive", "text": text})

    async def follow(self, project: str, job_id: UUID, *, key: str = "k", after: int = 0) -> None:
        await self.send(json.dumps({"follow": key, "project": project, "job": str(job_id), "after": after}))

    async def follow_list(self, project: str) -> None:
        await self.send(json.dumps({"follow": "list", "project": project}))

    async def follow_topic(self, project: str, topic: str, job: UUID | str) -> None:
        await self.send(json.dumps({"follow": "topic", "project": project, "topic": topic, "job": str(job)}))

    async def receive(self) -> list[Any]:
        """Return the next entry: key, kind and body."""
        while not self._entries:
            async with asyncio.timeout(WITHIN_S):
                message = await self._to_page.get()
            if message["type"] == "websocket.close":
                return ["", "closed", message["code"]]
            if message["type"] == "websocket.send":
                self._entries = json.loads(message["text"])
        return self._entries.pop(0)

    async def receive_until(self, kind: str) -> list[list[Any]]:
        """Return all entries up to and including the first one of a kind."""
        received = [await self.receive()]
        while received[-1][1] != kind:
            received.append(await self.receive())
        return received

    async def close(self) -> None:
        await self._to_server.put({"type": "websocket.disconnect", "code": 1001})
        async with asyncio.timeout(WITHIN_S):
            await self._serving


@asynccontextmanager
async def connect(token: str) -> AsyncIterator[BrowserSocket]:
    opened = BrowserSocket(token)
    yield opened
    await opened.close()


@dataclass(frozen=True)
class Scene:
    """A project with a signed-in member."""

    database: Database
    tenant: Tenant
    slug: str
    token: str

    async def job(self) -> UUID:
        async with self.database.transaction() as unit:
            return await make_job(unit, self.tenant)

    async def cancel(self, job_id: UUID) -> None:
        async with self.database.transaction() as unit:
            await cancel(unit, self.tenant.principal, job_id)


@pytest_asyncio.fixture
async def scene(instance: AppContext) -> AsyncIterator[Scene]:
    database = instance.database
    async with database.transaction() as unit:
        tenant = await make_tenant(unit)
        slug = (await unit.get_one(Project, tenant.project_id)).slug
    token = await sign_in(database, "ada", tenant)
    last_use = LastUse(database)
    with session.serving(instance, last_use):
        yield Scene(database, tenant, slug, token)
    await last_use.close()


async def sign_in(database: Database, name: str, tenant: Tenant | None = None) -> str:
    async with database.transaction() as unit:
        user = await users.create(unit, email=f"{name}@example.org", password="three words make one")
        if tenant is not None:
            unit.add(Member(project_id=tenant.project_id, user_id=user.id, role="viewer"))
        return (await sessions.start(unit, user)).token


async def test_a_page_gets_every_event_once_and_the_end(scene: Scene) -> None:
    job_id = await scene.job()
    async with connect(scene.token) as page:
        await page.follow(scene.slug, job_id)
        assert (await page.receive())[2]["type"] == "queued"
        await scene.cancel(job_id)
        *events, end = await page.receive_until("end")
    assert [event[2]["type"] for event in events] == ["cancelled"]
    assert end == ["k", "end", None]


async def test_a_page_that_reconnects_gets_the_missed_events(scene: Scene) -> None:
    job_id = await scene.job()
    await scene.cancel(job_id)
    async with connect(scene.token) as page:
        await page.follow(scene.slug, job_id, after=1)
        received = await page.receive_until("end")
        await page.follow(scene.slug, job_id, key="again", after=2)
        assert await page.receive() == ["again", "end", None]
    assert [entry[2]["id"] for entry in received[:-1]] == [2]


async def test_one_socket_follows_two_jobs_and_can_leave_one(scene: Scene) -> None:
    one, other = await scene.job(), await scene.job()
    async with connect(scene.token) as page:
        for key, job_id in (("one", one), ("other", other)):
            await page.follow(scene.slug, job_id, key=key)
        assert {(await page.receive())[0] for _ in range(2)} == {"one", "other"}
        await page.send(json.dumps({"leave": "one"}))
        await scene.cancel(one)
        await scene.cancel(other)
        assert {entry[0] for entry in await page.receive_until("end")} == {"other"}


async def test_a_job_of_another_project_is_not_found(scene: Scene) -> None:
    job_id = await scene.job()
    async with connect(await sign_in(scene.database, "eve")) as page:
        await page.follow(scene.slug, job_id)
        _, kind, body = await page.receive()
    assert (kind, body["code"]) == ("refused", "project_not_found")


@pytest_asyncio.fixture
async def listening(instance: AppContext, redis_url: str) -> AsyncIterator[None]:
    """Send and receive notifications, as the processes of an instance do."""
    notifier = RedisNotifier(redis_url)
    notifications.use(notifier)
    instance.wakeups.start()
    async with asyncio.timeout(WITHIN_S):
        while not instance.wakeups.is_listening:  # noqa: ASYNC110 - the listener has a flag only
            await asyncio.sleep(0.01)
    yield
    await instance.wakeups.close()
    notifications.use(None)
    await notifier.aclose()


@pytest.mark.usefixtures("listening")
async def test_a_page_is_notified_of_changes_of_the_list_of_jobs(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.following.MIN_LIST_INTERVAL_S", 0.01)
    monkeypatch.setattr("studio.following.LIST_RECHECK_S", 60.0)
    async with connect(scene.token) as page:
        await page.follow_list(scene.slug)
        assert await page.receive() == ["list", "event", None]
        job_id = await scene.job()
        assert await page.receive() == ["list", "event", None]
        await scene.cancel(job_id)
        assert await page.receive() == ["list", "event", None]


async def test_a_page_reads_the_list_again_while_no_notifications_arrive(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.following.MIN_LIST_INTERVAL_S", 0.01)
    monkeypatch.setattr("studio.following.LIST_POLL_S", 0.05)
    async with connect(scene.token) as page:
        await page.follow_list(scene.slug)
        assert [(await page.receive())[1] for _ in range(3)] == ["event"] * 3


@pytest.mark.usefixtures("listening")
async def test_a_page_is_notified_of_comments_on_a_job_that_its_user_can_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.following.MIN_LIST_INTERVAL_S", 0.01)
    monkeypatch.setattr("studio.following.LIST_RECHECK_S", 60.0)
    job_id = await scene.job()
    async with connect(scene.token) as page:
        await page.follow_topic(scene.slug, "comments", job_id)
        assert await page.receive() == ["topic", "event", None]
        async with scene.database.transaction() as unit:
            await comments.create(unit, scene.tenant.principal, job_id, CommentCreate(body="Look"))
        assert await page.receive() == ["topic", "event", None]
    async with connect(scene.token) as page:
        await page.follow_topic(scene.slug, "comments", uuid4())
        assert (await page.receive())[2]["code"] == "job_not_found"


async def test_a_list_of_another_project_is_not_found(scene: Scene) -> None:
    async with connect(await sign_in(scene.database, "eve")) as page:
        await page.follow_list(scene.slug)
        _, kind, body = await page.receive()
    assert (kind, body["code"]) == ("refused", "project_not_found")


async def test_an_unknown_job_and_an_ended_session_are_rejected(scene: Scene) -> None:
    async with connect(scene.token) as page:
        await page.follow(scene.slug, uuid4())
        assert (await page.receive())[2]["code"] == "job_not_found"
    async with connect("made-up") as page:
        await page.follow(scene.slug, await scene.job())
        assert (await page.receive())[1] == "refused"


async def test_a_user_who_leaves_a_project_stops_receiving_events_of_its_jobs(scene: Scene) -> None:
    job_id = await scene.job()
    async with connect(scene.token) as page:
        await page.follow(scene.slug, job_id)
        await page.receive()
        async with scene.database.transaction() as unit:
            await unit.execute(delete(Member).where(col(Member.project_id) == scene.tenant.project_id))
        assert (await page.receive())[2]["code"] == "project_not_found"


@pytest.mark.parametrize(
    "said",
    [
        "",
        "hello",
        "[]",
        '{"follow": "k"}',
        '{"leave": 5}',
        '{"follow":"k","project":"p","job":"x"}',
        " " * (MAX_CHARACTERS + 1),
    ],
)
async def test_an_invalid_message_closes_the_socket(scene: Scene, said: str) -> None:
    async with connect(scene.token) as page:
        await page.send(said)
        assert await page.receive() == ["", "closed", INVALID_MESSAGE]


async def test_a_page_follows_a_bounded_number_of_jobs(scene: Scene) -> None:
    job_id = await scene.job()
    async with connect(scene.token) as page:
        for number in range(40):
            await page.follow(scene.slug, job_id, key=f"k{number}")
        assert (await page.receive_until("closed"))[-1] == ["", "closed", INVALID_MESSAGE]
