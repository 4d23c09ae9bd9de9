"""Open sockets, streams and downloads end soon after their caller loses access."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update
from sqlmodel import col

from backend.app import create_app, serving
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.data.memory.tables import MemoryRecord
from backend.identity.api_keys import keys
from backend.identity.auth import gate
from backend.identity.auth.accounts import sessions
from backend.identity.auth.rate_limits import sign_ins
from backend.identity.tables import ApiKey, Member
from backend.money.ledger import service as ledger
from backend.storage import Storage
from backend.storage.paths import parse_drive_path
from studio import session as studio_session
from studio import sockets
from studio.sockets import SIGNED_OUT, TOO_MANY, WatchedSockets
from tests.factories.tenants import make_job, make_skill, make_tenant
from tests.integration.auth.conftest import World

URL = "http://127.0.0.1:8123"
SOON_S = 10.0

CreateCaller = Callable[[World, UUID], Awaitable[tuple[dict[str, str], Any]]]
"""A function that creates a caller: it returns the headers and a statement that removes the access."""


class Socket:
    """The socket of a browser, with an application that sends messages until the socket is disconnected."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self.saw_disconnect = asyncio.Event()
        self.responded = asyncio.Event()
        self.has_connected = False

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": message["type"]})
        await send({"type": "websocket.send", "text": "sent after the disconnect"})
        self.saw_disconnect.set()

    async def receive(self) -> dict[str, Any]:
        if not self.has_connected:
            self.has_connected = True
            return {"type": "websocket.connect"}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        self.responded.set()
        if message["type"] == "websocket.close":
            self.closed.set()


class Stream:
    """A client that reads the event stream of a job."""

    def __init__(self, app: FastAPI, job_id: UUID, headers: dict[str, str]) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._streaming = asyncio.create_task(app(_scope(job_id, headers), self._receive, self.sent.put))

    async def status(self) -> int:
        """Return the status of the response, after its head was sent."""
        status: int = (await self.sent.get())["status"]
        return status

    async def end(self) -> None:
        """Disconnect the client."""
        self._gone.set()
        await self._streaming

    async def _receive(self) -> dict[str, Any]:
        await self._gone.wait()
        return {"type": "http.disconnect"}


def _scope(job_id: UUID, headers: dict[str, str]) -> dict[str, Any]:
    request = httpx.Request("GET", f"{URL}/v1/jobs/{job_id}/stream", headers=headers)
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "method": "GET",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": "http",
        "server": ("127.0.0.1", 8123),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }


async def test_socket_of_a_page_closes_when_its_session_is_revoked(
    instance: AppContext, app: FastAPI, world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "RECHECK_INTERVAL_S", 0.05)
    ada = await world.user("ada@example.org")
    async with database.transaction() as session:
        started = await sessions.start(session, ada)
    cookie = f"{sessions.cookie_name(URL)}={started.token}".encode()
    socket = Socket()
    with studio_session.serving(instance, app.state.last_use):
        watched = WatchedSockets(
            socket.app, studio_session.session_status, studio_session.user_id_of, limit=1
        )
        scope = {"type": "websocket", "headers": [(b"cookie", cookie)]}
        open_ = asyncio.create_task(watched(scope, socket.receive, socket.send))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                socket.closed.wait(), 0.5
            )  # the socket stays open while the session is valid

        async with database.transaction() as session:
            await sessions.revoke(session, ada.id, started.signed_in.session_id, by="user:ada")
        async with asyncio.timeout(SOON_S):
            await socket.closed.wait()
            await socket.saw_disconnect.wait()
            await open_
    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.close"]
    assert socket.sent[-1]["code"] == SIGNED_OUT


async def _of_a_key(world: World, project_id: UUID) -> tuple[dict[str, str], Any]:
    async with world.database.transaction() as session:
        made = await keys.create(session, None, project_id=project_id)
    revoke = update(ApiKey).where(col(ApiKey.id) == made.key.id).values(revoked_at=now())
    return {"Authorization": f"Bearer {made.plaintext}"}, revoke


async def _of_a_member(world: World, project_id: UUID) -> tuple[dict[str, str], Any]:
    ada = await world.user("ada@example.org")
    async with world.database.transaction() as session:
        session.add(Member(project_id=project_id, user_id=ada.id, role="viewer"))
    browser = await world.browser(ada)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    remove = delete(Member).where(col(Member.user_id) == ada.id)
    return {"Cookie": cookie, "X-Puras-Project": str(project_id)}, remove


def _with_scopes(before: list[str], after: list[str]) -> CreateCaller:
    """Return a function that creates a caller with a restricted key whose scopes are replaced."""

    async def create_caller(world: World, project_id: UUID) -> tuple[dict[str, str], Any]:
        async with world.database.transaction() as session:
            made = await keys.create(session, None, project_id=project_id, limits=keys.Limits(scopes=before))
        replace_scopes = update(ApiKey).where(col(ApiKey.id) == made.key.id).values(scopes=after)
        return {"Authorization": f"Bearer {made.plaintext}"}, replace_scopes

    return create_caller


@pytest.mark.parametrize(
    ("create_caller", "max_bad_keys", "code"),
    [
        (_of_a_key, 100, "invalid_api_key"),
        (_of_a_key, 0, "too_many_bad_keys"),
        (_of_a_member, 100, "project_not_found"),
        (_with_scopes(["jobs:read"], ["drive:read"]), 100, "not_allowed"),
        (_with_scopes(["jobs:read"], ["jobs:read_own"]), 100, "job_not_found"),
    ],
    ids=[
        "key revoked",
        "key revoked where others guess",
        "member removed",
        "scope removed",
        "reduced to own jobs",
    ],
)
async def test_stream_ends_when_its_caller_loses_access_to_the_job(
    app: FastAPI,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    create_caller: CreateCaller,
    max_bad_keys: int,
    code: str,
) -> None:
    monkeypatch.setattr(gate, "RECHECK_INTERVAL_S", 0.0)
    monkeypatch.setattr(sign_ins, "MAX_BAD_KEYS", max_bad_keys)
    monkeypatch.setattr("backend.execution.events.follow.HEARTBEAT_S", 0.1)
    async with world.database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        job_id = await make_job(session, tenant)
    headers, end = await create_caller(world, tenant.project_id)

    stream = Stream(app, job_id, headers)
    async with asyncio.timeout(SOON_S):
        while b"still here" not in (await stream.sent.get()).get("body", b""):
            pass
        async with world.database.transaction() as session:
            await session.execute(end)
        last = await stream.sent.get()
        while last.get("more_body", False):
            last = await stream.sent.get()
        await stream.end()
    assert last["body"].startswith(b"event: error\ndata: {"), last
    assert json.loads(last["body"].split(b"data: ")[1])["code"] == code


@pytest.mark.parametrize(
    "path", ["/v1/billing/ledger/export", "/v1/memory/export", "/v1/drive/files/large.bin"]
)
async def test_download_stops_when_its_caller_loses_access(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(gate, "RECHECK_INTERVAL_S", 0.0)
    async with world.database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        for title in ("a", "b"):
            session.add(_memory(tenant.project_id, title))
        await ledger.top_up(session, project_id=tenant.project_id, amount_micros=1, created_by="test")
    storage: Storage = app.state.context.storage
    async with storage.receive() as incoming:
        await incoming.write(bytes(3 << 20))
        await incoming.stage()
        await incoming.place(tenant.project_id, parse_drive_path("large.bin"), owner_uid=None)
    headers, end = await _of_a_key(world, tenant.project_id)
    complete, broken = [await _read(app, world, path, headers, when) for when in (None, end)]
    assert not complete[-1].get("more_body", False)
    assert len(complete) > 2
    assert [message["type"] for message in broken] == ["http.response.start", "http.response.body"]
    assert broken[-1]["more_body"], "an interrupted response must not have a regular end"


def _memory(project_id: UUID, title: str) -> MemoryRecord:
    own: Any = {"scope": "workspace", "mtype": "semantic", "kind": "note", "record": {}, "written_by": "test"}
    none: Any = {"tags": [], "aliases": [], "names": [], "words": "", "size_bytes": 1}
    return MemoryRecord(project_id=project_id, title=title, **own, **none)


async def _read(
    app: FastAPI, world: World, path: str, headers: dict[str, str], end: Any | None
) -> list[dict[str, Any]]:
    """Return what a client receives whose access ends after the first part of the response."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if end is not None and len(sent) == 2:
            async with world.database.transaction() as session:
                await session.execute(end)

    async def nothing() -> Any:
        await asyncio.Event().wait()

    scope = _scope(uuid4(), headers) | {"path": path, "raw_path": path.encode()}
    await app(scope, nothing, send)
    return sent


async def test_stream_that_starts_after_access_was_lost_sends_only_its_head(
    app: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "RECHECK_INTERVAL_S", 0.0)
    project = await world.project("Acme")
    headers, end = await _of_a_key(world, project.id)
    sent: asyncio.Queue[Any] = asyncio.Queue()

    async def late(_scope: Any, _receive: Any, send: Any) -> None:
        async with world.database.transaction() as session:
            await session.execute(end)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"secret", "more_body": True})

    async def nothing() -> Any:
        await asyncio.Event().wait()

    await gate.Gate(late)(_scope(uuid4(), headers) | {"app": app}, nothing, sent.put)
    assert sent.get_nowait()["type"] == "http.response.start"
    assert sent.empty()


async def test_sign_out_ends_the_session_in_every_process_immediately(
    instance: AppContext, app: FastAPI, world: World
) -> None:
    ada = await world.user("ada@example.org")
    here = await world.browser(ada)
    other = create_app(instance.settings)
    async with (
        serving(other, instance),
        httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url=URL) as there,
    ):
        there.cookies.update(here.cookies)
        assert (await there.get("/v1/me")).status_code == 200
        (one,) = (await here.get("/v1/me/sessions")).json()
        assert (await here.delete(f"/v1/me/sessions/{one['id']}")).status_code == 204
        assert (await there.get("/v1/me")).status_code == 401


async def test_open_requests_are_limited_per_caller(instance: AppContext, world: World) -> None:
    settings = instance.settings.model_copy(update={"open_requests": 2})
    narrow = create_app(settings)
    async with world.database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        job_id = await make_job(session, tenant)
    (mine, _), (other, _) = [await _of_a_key(world, tenant.project_id) for _ in range(2)]
    async with serving(narrow, replace(instance, settings=settings)):
        streams = [Stream(narrow, job_id, mine) for _ in range(2)]
        async with asyncio.timeout(SOON_S):
            assert [await stream.status() for stream in streams] == [200, 200]
            transport = httpx.ASGITransport(narrow)
            async with httpx.AsyncClient(transport=transport, base_url=URL) as client:
                rejected = await client.get(f"/v1/jobs/{job_id}", headers=mine)
                error = rejected.json()
                assert (rejected.status_code, error["code"]) == (429, "too_many_concurrent_requests")
                assert error["former_code"] == "too_many_at_once"
                assert rejected.headers["retry-after"] == "1"
                assert (await client.get(f"/v1/jobs/{job_id}", headers=other)).status_code == 200
                await streams[0].end()
                assert (await client.get(f"/v1/jobs/{job_id}", headers=mine)).status_code == 200
            await streams[1].end()


async def test_open_pages_are_limited_per_user_over_all_sessions(
    instance: AppContext, app: FastAPI, world: World, database: Database
) -> None:
    ada, bob = await world.user("ada@example.org"), await world.user("bob@example.org")
    async with database.transaction() as session:
        started = [await sessions.start(session, person) for person in (ada, ada, bob)]
    pages = [Socket() for _ in started]
    with studio_session.serving(instance, app.state.last_use):
        watched = WatchedSockets(
            lambda scope, receive, send: scope["page"].app(scope, receive, send),
            studio_session.session_status,
            studio_session.user_id_of,
            limit=1,
        )
        opening = []
        for page, one in zip(pages, started, strict=True):
            cookie = f"{sessions.cookie_name(URL)}={one.token}".encode()
            scope = {"type": "websocket", "headers": [(b"cookie", cookie)], "page": page}
            opening.append(asyncio.create_task(watched(scope, page.receive, page.send)))
            async with asyncio.timeout(SOON_S):
                await page.responded.wait()
        assert [page.sent[0]["type"] for page in pages] == [
            "websocket.accept",
            "websocket.close",
            "websocket.accept",
        ]
        assert pages[1].sent[0]["code"] == TOO_MANY
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
