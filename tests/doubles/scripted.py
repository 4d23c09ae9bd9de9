"""The base of the servers that imitate models: they record requests, and respond by a script.

The script is a sequence of replies, or a function that returns the reply to a request.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

from starlette.applications import Starlette
from starlette.requests import Request

from tests.doubles.messages.script import Answer, Says, refuses
from tests.doubles.serving import serving

Script = Sequence[Answer] | Callable[[dict[str, Any]], Answer]


class ScriptedServer:
    """One upstream with a script of replies, which records the requests."""

    name: ClassVar[str]
    url_path: ClassVar[str] = ""
    """The path of the base URL."""

    def __init__(self, script: Script = (), *, keys: Sequence[str] = ()) -> None:
        self.script = script
        self.keys = tuple(keys)
        """The valid keys; every key is valid when there are none."""
        self.bodies: list[dict[str, Any]] = []
        """Every request for a reply, including rejected ones."""
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answered = 0
        """Replies that were sent completely, which an upstream would charge for."""
        self.disconnected = 0
        """Replies whose client closed the connection before it had received all events."""
        self.url = ""
        self._scripted = 0
        self._lock = threading.Lock()

    @property
    def asked(self) -> int:
        """Return the number of requests for a reply."""
        return len(self.bodies)

    async def wait_disconnected(self) -> None:
        """Wait until a client has closed the connection before it had received a whole reply.

        Raises:
            TimeoutError: none has within ten seconds.
        """
        async with asyncio.timeout(10):
            while not self.disconnected:  # noqa: ASYNC110 - the server has a thread of its own
                await asyncio.sleep(0.01)

    def restart(self, *script: Answer) -> None:
        """Forget the requests, and respond by another script."""
        self.script, self._scripted, self.answered, self.disconnected = script, 0, 0, 0
        for recorded in (self.bodies, self.headers, self.paths):
            recorded.clear()

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Serve on a local port in a thread."""
        with serving(self.app(), self.name) as url:
            self.url = f"{url}{self.url_path}"
            yield self

    def app(self) -> Starlette:
        """Return the application with the routes of the API."""
        raise NotImplementedError

    def record(self, request: Request, body: dict[str, Any]) -> int:
        """Record a request for a reply, and return its number; the caller holds the lock."""
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.paths.append(request.url.path)
        return len(self.bodies)

    def scripted_answer(self, body: dict[str, Any]) -> Answer:
        """Return the next answer of the script."""
        if callable(self.script):
            return self.script(body)
        self._scripted += 1
        if self._scripted > len(self.script):
            return refuses(400, f"the script has {len(self.script)} answers, and this is one more")
        return self.script[self._scripted - 1]

    async def play(self, answer: Says, sent: Iterable[Any], error: Any) -> AsyncIterator[Any]:
        """Yield the events of a reply, with the delays and faults of the script; `error` replaces the rest."""
        try:
            async for event in self._delayed_events(answer, sent, error):
                yield event
        except (asyncio.CancelledError, GeneratorExit):
            self.disconnected += 1
            raise

    async def _delayed_events(self, answer: Says, sent: Iterable[Any], error: Any) -> AsyncIterator[Any]:
        events = list(sent)
        for number, event in enumerate(events):
            if number == answer.hold_after:
                await asyncio.to_thread(answer.release.wait, 30)
            if number == answer.cut_after:
                raise ConnectionAbortedError("the script cuts the stream here")
            if number == answer.error_after:
                yield error
                return
            if answer.pause_s:
                await asyncio.sleep(answer.pause_s)
            if number == len(events) - 1:  # before the client has it, and closes the connection
                self.answered += 1
            yield event
