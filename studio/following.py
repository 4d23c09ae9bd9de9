"""One socket per page, which delivers the events of all jobs that the page shows.

A browser opens at most six HTTP connections per origin across all of its tabs, so that with one stream per job the
seventh tab would not load. The limit for sockets is separate and in the hundreds. A page sends
`{"follow": KEY, "project", "job", "after"}` and `{"leave": KEY}`, and receives lists of `[KEY, KIND, BODY]`; the kind
is `event`, `delta`, `end`, `refused` or `away`. Without `job`, it follows the list of the jobs of the project: each
`event` means that the list may have changed. With a `topic`, it follows what else changes in the project, such as its
activity, or on the job, such as its comments.
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
from backend.core.notifications import Topic, topic_id
from backend.execution.events.follow import DeltaRead, follow
from backend.execution.events.queries import MAX_SEQ, EventCursor
from backend.execution.jobs.access.events import event_cursor
from backend.execution.jobs.queries import get_row
from backend.identity.auth.principal import Role
from studio import session

log = logs.get(__name__)

MAX_FOLLOWED: Final = 32
"""Maximum number of jobs that one page follows at the same time."""
MAX_WAITING: Final = 500
"""Maximum number of entries that wait for a slow page; its streams pause until the page has received some."""
RECHECK_INTERVAL_S: Final = 5.0
"""Seconds between two checks whether the user may still read the job."""
MIN_LIST_INTERVAL_S: Final = 1.0
"""Minimum seconds between two events of a list."""
LIST_RECHECK_S: Final = 10.0
"""A list is read again after this time also without a change: the reason why a job waits changes without an event."""
LIST_POLL_S: Final = 2.0
"""The same while no notifications arrive."""
MAX_CHARACTERS: Final = 1_000
"""Maximum length of one message of a page."""
INVALID_MESSAGE: Final = 1008


class _Follow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    follow: Annotated[str, Field(min_length=1, max_length=200)]
    project: Annotated[str, Field(max_length=200)]
    job: UUID | None = None
    after: Annotated[int, Field(ge=0, le=MAX_SEQ)] = 0
    topic: Topic | None = None


class _Leave(BaseModel):
    model_config = ConfigDict(extra="forbid")

    leave: str


_MESSAGE: Final[TypeAdapter[_Follow | _Leave]] = TypeAdapter(_Follow | _Leave)


async def following(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the socket of one page.

    The gateway has authenticated the user of the socket; the user is authenticated again for every job.
    """
    socket = WebSocket(scope, receive, send)
    await socket.accept()
    page = _Page(socket.headers.get("cookie"))
    sending = asyncio.create_task(page.outbox.send_to(socket), name="messages to a page")
    try:
        async for message in socket.iter_text():
            if not page.handle(message):
                await socket.close(INVALID_MESSAGE)
                return
    finally:
        await page.close()
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending


class _Page:
    """The jobs that one page follows."""

    def __init__(self, cookie: str | None) -> None:
        self.outbox = _Outbox()
        self._cookie = cookie
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def handle(self, message: str) -> bool:
        """Process a message of the page; return false if it is invalid."""
        try:
            request = _MESSAGE.validate_json(message) if len(message) <= MAX_CHARACTERS else None
        except ValidationError:
            request = None
        if request is None:
            return False
        key = request.leave if isinstance(request, _Leave) else request.follow
        if (running := self._tasks.pop(key, None)) is not None:
            running.cancel()
        if isinstance(request, _Follow):
            if len(self._tasks) >= MAX_FOLLOWED:
                return False
            what = f"job {request.job}" if request.job else "a list of jobs"
            task = asyncio.create_task(self._follow(request), name=f"a page follows {what}")
            self._tasks[key] = task
        return True

    async def close(self) -> None:
        """Stop following all jobs."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, request: _Follow) -> None:
        key = request.follow
        try:
            with STREAM_FOLLOWERS.track_inprogress():
                if request.job is None or request.topic is not None:
                    await self._stream_list(request)
                else:
                    await self._stream(request, request.job)
            await self.outbox.put(key, "end", "null")
        except (*ServersUnavailable, Unavailable):
            await self.outbox.put(key, "away", "null")
        except PurasError as refused:
            body = json.dumps({"code": refused.code, "detail": refused.detail})
            await self.outbox.put(key, "refused", body)
        except Exception:
            log.exception("following failed", job_id=request.job and str(request.job))
            await self.outbox.put(key, "away", "null")

    async def _stream_list(self, request: _Follow) -> None:
        """Report changes of the list of jobs or of a topic, until the page leaves or its user loses access."""
        context = session.context()
        owner_id = await self._owner(request)
        followed = owner_id if request.topic is None else topic_id(owner_id, request.topic)
        with context.wakeups.subscribe(followed) as subscription:
            while True:
                await self.outbox.put(request.follow, "event", "null")
                await asyncio.sleep(MIN_LIST_INTERVAL_S)
                await subscription.wait(LIST_RECHECK_S if context.wakeups.is_listening else LIST_POLL_S)
                with contextlib.suppress(*ServersUnavailable):
                    await self._owner(request)

    async def _owner(self, request: _Follow) -> UUID:
        """Return the project or the job, after a check that the user may read it."""
        async with session.acting_by(self._cookie, request.project) as act:
            if request.job is not None:
                return (await get_row(act.session, act.principal, request.job)).id
            act.principal.require(Role.VIEWER, "jobs:read_own")
            return act.principal.project_id

    async def _stream(self, request: _Follow, job_id: UUID) -> None:
        cursor = await self._cursor(request, job_id, request.after)
        if cursor.is_end:
            return
        context = session.context()
        checked_at = time.monotonic()
        async for item in follow(context.database, context.wakeups, job_id, after=cursor.after):
            if isinstance(item, DeltaRead):
                await self.outbox.put(request.follow, "delta", item.body)
            elif item is not None:
                await self.outbox.put(request.follow, "event", item.model_dump_json())
            if time.monotonic() - checked_at >= RECHECK_INTERVAL_S:
                checked_at = time.monotonic()
                # A user keeps access while the database is unavailable.
                with contextlib.suppress(*ServersUnavailable):
                    await self._cursor(request, job_id, 0)

    async def _cursor(self, request: _Follow, job_id: UUID, after: int) -> EventCursor:
        """Return the position in the events of the job, after a check that the user may read the job."""
        async with session.acting_by(self._cookie, request.project) as act:
            return await event_cursor(act.session, act.principal, job_id, after=after)


class _Outbox:
    """The messages to a page, in as few frames as possible: entries that arrive during a send form the next frame."""

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._has_entries = asyncio.Event()
        self._has_capacity = asyncio.Event()
        self._has_capacity.set()

    async def put(self, key: str, kind: str, body: str) -> None:
        """Add an entry with a JSON body; wait while the outbox is full."""
        await self._has_capacity.wait()
        self._waiting.append(f"[{json.dumps(key)},{json.dumps(kind)},{body}]")
        self._has_entries.set()
        if len(self._waiting) >= MAX_WAITING:
            self._has_capacity.clear()

    async def send_to(self, socket: WebSocket) -> None:
        """Send present and future entries until the task is cancelled."""
        while True:
            await self._has_entries.wait()
            entries, self._waiting = self._waiting, []
            self._has_entries.clear()
            self._has_capacity.set()
            await socket.send_text(f"[{','.join(entries)}]")
