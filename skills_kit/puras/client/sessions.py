"""`client.sessions`: conversations with agents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import quote

from puras.client.errors import TurnError
from puras.client.messages import new_key
from puras.client.routes import Routes
from puras.client.shapes import ChatMessage, ChatSession, Environment, SentMessage, SessionEvent
from puras.client.streams import Frame, FrameStream
from puras.client.transport import Transport

WhileRunning = Literal["queue", "interrupt", "reject"]
Value = TypeVar("Value")


class InThread(Protocol):
    """Calls a function in a thread."""

    def __call__(self, call: Callable[[], Value], /) -> Awaitable[Value]:
        """Call the function, and return its value."""


class SessionStream(FrameStream[SessionEvent]):
    """The messages and events of all turns in order, each exactly once. Close it to stop.

    Raises when iterated:
        NoResponse: The connection broke, and no retry succeeded.
        PurasAPIError: The server rejected the request.
    """

    def _of(self, frame: Frame) -> SessionEvent | None:
        data = json.loads(frame.data)
        if frame.event == "delta":
            return {"type": "delta", "turn": data["turn"], "job_id": data["job_id"], "payload": data}
        if frame.id is None:
            return None
        payload = data if frame.event == "message" else data["payload"]
        return {
            "id": frame.id,
            "type": frame.event,
            "turn": data["turn"],
            "job_id": data["job_id"],
            "payload": payload,
        }


class Sessions:
    """Start and continue conversations with agents. Every turn is a job."""

    def __init__(self, client: Routes, transport: Transport) -> None:
        self._client = client
        self._transport = transport

    def create(
        self,
        skill: str,
        *,
        version: int | None = None,
        environment: Environment | None = None,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> ChatSession:
        """Start a session with an agent. Nothing runs until the first message.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        values = {
            "skill": skill,
            "version": version,
            "environment": environment,
            "title": title,
            "metadata": metadata,
        }
        body = {name: value for name, value in values.items() if value is not None}
        key = idempotency_key or new_key()
        created: ChatSession = self._client.request("POST", "/v1/sessions", body=body, idempotency_key=key)
        return created

    def send(
        self,
        session_id: str,
        content: str | Sequence[Mapping[str, Any]] = "",
        *,
        inputs: Mapping[str, Any] | None = None,
        while_running: WhileRunning = "queue",
        idempotency_key: str | None = None,
    ) -> SentMessage:
        """Send a message, and return the IDs of the message and of the job of its turn, without waiting for the reply.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        body = {
            "content": content if isinstance(content, str) else list(content),
            "inputs": self._client.with_files(inputs or {}),
            "while_running": while_running,
        }
        path = f"{_path(session_id)}/messages"
        key = idempotency_key or new_key()
        sent: SentMessage = self._client.request("POST", path, body=body, idempotency_key=key)
        return sent

    def ask(
        self, session_id: str, content: str | Sequence[Mapping[str, Any]] = "", **options: Any
    ) -> ChatMessage:
        """Send a message with the options of `send`, wait for the end of its turn, and return the reply.

        Raises:
            TurnError: The turn failed or was cancelled.
            PurasAPIError: The server rejected the request or did not respond.
        """
        sent = self.send(session_id, content, **options)
        with self.stream(session_id, after=f"{sent['turn'] - 1}.end") as events:
            for event in events:
                if event["type"] == "message" and event["payload"]["id"] == sent["job_id"]:
                    reply: ChatMessage = event["payload"]  # type: ignore[assignment]  # the payload of a message
                    if reply["status"] != "succeeded":
                        raise TurnError(reply)
                    return reply
        raise AssertionError("a stream that follows the session has no end")

    def messages(self, session_id: str) -> list[ChatMessage]:
        """Return all messages and replies, the oldest first."""
        return list(self._client.pages(f"{_path(session_id)}/messages", query={"limit": 200}))

    def stream(self, session_id: str, *, after: str = "", follow: bool = True) -> SessionStream:
        """Return the messages and events of all turns as they happen, after the event with the ID `after`.

        Text that a model writes arrives as events of the type `delta`. With `restart` in the payload, its text replaces
        the earlier ones: the first delta after a connection during a reply has the whole text so far. After a
        disconnect, the stream continues. Without `follow`, it ends when no turn runs.
        """
        path = f"{_path(session_id)}/stream?follow={str(follow).lower()}"
        return SessionStream(self._transport, path, after)

    def list(
        self,
        *,
        skill: str | None = None,
        search: str | None = None,
        end_user: str | None = None,
        max_entries: int | None = None,
    ) -> Iterator[ChatSession]:
        """Return the sessions page by page, those with the newest messages first."""
        query = {"skill": skill, "q": search, "end_user": end_user, "limit": 100}
        query = {name: value for name, value in query.items() if value is not None}
        yield from self._client.pages("/v1/sessions", query=query, max_entries=max_entries)

    def get(self, session_id: str) -> ChatSession:
        """Return a session with the cost of its turns."""
        found: ChatSession = self._client.request("GET", _path(session_id))
        return found

    def update(
        self,
        session_id: str,
        *,
        title: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        version: int | Literal["keep"] | None = "keep",
    ) -> ChatSession:
        """Change the title, the metadata or the version; a version of None is the active one."""
        values = {"title": title, "metadata": metadata}
        body: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        if version != "keep":
            body["version"] = version
        changed: ChatSession = self._client.request("PATCH", _path(session_id), body=body, is_repeatable=True)
        return changed

    def cancel(self, session_id: str) -> ChatSession:
        """Cancel the turn that runs. Its text stays, and the next queued message starts."""
        path = f"{_path(session_id)}/cancel"
        found: ChatSession = self._client.request("POST", path, is_repeatable=True)
        return found

    def delete(self, session_id: str) -> None:
        """Delete a session with its messages and its jobs."""
        self._client.request("DELETE", _path(session_id))


class AsyncSessions:
    """`Sessions` with awaitable methods, and `async for` over `stream` and `list`."""

    def __init__(self, sessions: Sessions, run: InThread) -> None:
        self._sessions = sessions
        self._run = run

    async def create(self, skill: str, **options: Any) -> ChatSession:
        """See `Sessions.create`."""
        return await self._run(partial(self._sessions.create, skill, **options))

    async def send(
        self, session_id: str, content: str | Sequence[Mapping[str, Any]] = "", **options: Any
    ) -> SentMessage:
        """See `Sessions.send`."""
        return await self._run(partial(self._sessions.send, session_id, content, **options))

    async def ask(
        self, session_id: str, content: str | Sequence[Mapping[str, Any]] = "", **options: Any
    ) -> ChatMessage:
        """See `Sessions.ask`."""
        return await self._run(partial(self._sessions.ask, session_id, content, **options))

    async def messages(self, session_id: str) -> list[ChatMessage]:
        """See `Sessions.messages`."""
        return await self._run(partial(self._sessions.messages, session_id))

    async def stream(
        self, session_id: str, *, after: str = "", follow: bool = True
    ) -> AsyncIterator[SessionEvent]:
        """See `Sessions.stream`. Leave the loop to disconnect."""
        with self._sessions.stream(session_id, after=after, follow=follow) as events:
            while (event := await self._run(lambda: next(events, None))) is not None:
                yield event

    async def get(self, session_id: str) -> ChatSession:
        """See `Sessions.get`."""
        return await self._run(partial(self._sessions.get, session_id))

    async def update(self, session_id: str, **changes: Any) -> ChatSession:
        """See `Sessions.update`."""
        return await self._run(partial(self._sessions.update, session_id, **changes))

    async def cancel(self, session_id: str) -> ChatSession:
        """See `Sessions.cancel`."""
        return await self._run(partial(self._sessions.cancel, session_id))

    async def delete(self, session_id: str) -> None:
        """See `Sessions.delete`."""
        await self._run(partial(self._sessions.delete, session_id))

    async def list(self, **filters: Any) -> AsyncIterator[ChatSession]:
        """See `Sessions.list`."""
        found = self._sessions.list(**filters)
        while (one := await self._run(lambda: next(found, None))) is not None:
            yield one


def _path(session_id: str) -> str:
    return f"/v1/sessions/{quote(session_id, safe='')}"
