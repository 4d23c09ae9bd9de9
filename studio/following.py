"""One socket per page brings the events of every job that the page looks at.

A browser opens at most six connections per origin over all its tabs, so with a stream for each job the seventh tab
would hang. Sockets are counted apart, in hundreds. A page says `{"follow": KEY, "project", "job", "after"}` and
`{"leave": KEY}`, and hears lists of `[KEY, KIND, BODY]`: the kind is `event`, `delta`, `end`, `refused` or `away`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from backend.core import logs
from backend.core.errors import PurasError, Unavailable
from backend.core.http.exception_handlers import ServersUnavailable
from backend.core.metrics.instruments import STREAM_FOLLOWERS
from backend.execution.events.follow import DeltaRead, follow
from backend.execution.events.queries import MAX_SEQ, EventCursor
from backend.execution.jobs.access.events import event_cursor
from studio import session

log = logs.get(__name__)

MAX_FOLLOWED: Final = 32
"""Jobs that one page follows at once."""
MAX_WAITING: Final = 500
"""Entries that wait for a slow page; its streams read no further until it has taken some."""
LOOK_EVERY_S: Final = 5.0
"""So often it is asked again whether the person may still see the job."""
MAX_CHARACTERS: Final = 1_000
"""Of what a page says at once."""
NONSENSE: Final = 1008


class _Follow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    follow: Annotated[str, Field(min_length=1, max_length=200)]
    project: Annotated[str, Field(max_length=200)]
    job: UUID
    after: Annotated[int, Field(ge=0, le=MAX_SEQ)] = 0


class _Leave(BaseModel):
    model_config = ConfigDict(extra="forbid")

    leave: str


_SAID: Final[TypeAdapter[_Follow | _Leave]] = TypeAdapter(_Follow | _Leave)


async def following(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the socket of one page; whoever is behind it was found by then, and is looked up again for every job."""
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    page = _Page(socket.headers.get("cookie"))
    sending = asyncio.create_task(page.outbox.empty_into(socket), name="what a page is told")
    try:
        async for said in socket.iter_text():
            if not page.hear(said):
                await socket.close(NONSENSE)
                return
    finally:
        await page.close()
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


class _Page:
    """What one page follows."""

    def __init__(self, cookie: str | None) -> None:
        self.outbox = _Outbox()
        self._cookie = cookie
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def hear(self, said: str) -> bool:
        """Do as the page says; false for what no page of ours says."""
        try:
            asked = _SAID.validate_json(said) if len(said) <= MAX_CHARACTERS else None
        except ValidationError:
            asked = None
        if asked is None:
            return False
        key = asked.leave if isinstance(asked, _Leave) else asked.follow
        if (running := self._tasks.pop(key, None)) is not None:
            running.cancel()
        if isinstance(asked, _Follow):
            if len(self._tasks) >= MAX_FOLLOWED:
                return False
            task = asyncio.create_task(self._tell(asked), name=f"a page follows job {asked.job}")
            self._tasks[key] = task
        return True

    async def close(self) -> None:
        """Follow nothing any more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, asked: _Follow) -> None:
        key = asked.follow
        try:
            with STREAM_FOLLOWERS.track_inprogress():
                await self._stream(asked)
            await self.outbox.put(key, "end", "null")
        except (*ServersUnavailable, Unavailable):
            await self.outbox.put(key, "away", "null")
        except PurasError as refused:
            body = json.dumps({"code": refused.code, "detail": refused.detail})
            await self.outbox.put(key, "refused", body)
        except Exception:
            log.exception("following a job failed", job_id=str(asked.job))
            await self.outbox.put(key, "away", "null")

    async def _stream(self, asked: _Follow) -> None:
        place = await self._place(asked, asked.after)
        if place.is_end:
            return
        context = session.context()
        looked_at = time.monotonic()
        async for news in follow(context.database, context.wakeups, asked.job, after=place.after):
            if isinstance(news, DeltaRead):
                await self.outbox.put(asked.follow, "delta", news.body)
            elif news is not None:
                await self.outbox.put(asked.follow, "event", news.model_dump_json())
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                looked_at = time.monotonic()
                with contextlib.suppress(
                    *ServersUnavailable
                ):  # an absence of the database takes nothing from anybody
                    await self._place(asked, 0)

    async def _place(self, asked: _Follow, after: int) -> EventCursor:
        async with session.acting_by(self._cookie, asked.project) as act:
            return await event_cursor(act.session, act.principal, asked.job, after=after)


class _Outbox:
    """What goes to a page, in as few frames as its line takes: what gathers while one is sent is the next."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, key: str, kind: str, body: str) -> None:
        """Have it sent; the body is JSON. Waits while the page has not taken what there is."""
        await self._room.wait()
        self._waiting.append(f"[{json.dumps(key)},{json.dumps(kind)},{body}]")
        self._news.set()
        if len(self._waiting) >= MAX_WAITING:
            self._room.clear()

    async def empty_into(self, socket: WebSocket) -> None:
        """Send what there is, and what comes, for ever."""
        while True:
            await self._news.wait()
            entries, self._waiting = self._waiting, []
            self._news.clear()
            self._room.set()
            await socket.send_text(f"[{','.join(entries)}]")
