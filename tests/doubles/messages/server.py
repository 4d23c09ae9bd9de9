"""The server: it responds in the order of its script, or with the result of a function of the request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.doubles.messages.grammar import problem
from tests.doubles.messages.script import Answer, Refuses, Says, refuses
from tests.doubles.messages.stream import events, message
from tests.doubles.serving import serving

Script = Sequence[Answer] | Callable[[dict[str, Any]], Answer]


class MessagesServer:
    """One upstream with a script of replies, which records the requests."""

    def __init__(self, script: Script = (), *, keys: Sequence[str] = ()) -> None:
        self.script = script
        self.keys = tuple(keys)
        """The valid keys; every key is valid when there are none."""
        self.bodies: list[dict[str, Any]] = []
        """Every request for a reply, including rejected ones."""
        self.headers: list[dict[str, str]] = []
        self.answered = 0
        """Replies that were streamed completely, which an upstream would charge for."""
        self.counts = 0
        """Requests to count the tokens of a prompt."""
        self.count_by: Callable[[int], int] | None = lambda size_bytes: size_bytes // 4
        """Convert the number of bytes of a prompt to tokens; None: the route does not exist."""
        self.url = ""
        self._scripted = 0
        self._lock = threading.Lock()

    @property
    def asked(self) -> int:
        """Return the number of requests for a reply."""
        return len(self.bodies)

    @contextmanager
    def running(self) -> Iterator[MessagesServer]:
        """Serve on a local port in a thread."""
        with serving(self.app(), "messages") as self.url:
            yield self

    def app(self) -> Starlette:
        """Return the application with the routes of the API."""
        return Starlette(
            routes=[
                Route("/v1/messages", self._messages, methods=["POST"]),
                Route("/v1/messages/count_tokens", self._count_tokens, methods=["POST"]),
            ]
        )

    async def _messages(self, request: Request) -> Response:
        text = (await request.body()).decode()
        body = json.loads(text)
        with self._lock:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            number = len(self.bodies)
            answer = self._answer(request, body)
        if isinstance(answer, Refuses):
            return _refusal(answer, number)
        headers = {"request-id": f"req_{number:06d}"}
        if not body.get("stream"):
            self.answered += 1
            whole = message(answer, text, number=number, model=body["model"])
            return JSONResponse(whole, headers=headers)
        stream = self._stream(answer, text, number=number, model=body["model"])
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    def _answer(self, request: Request, body: dict[str, Any]) -> Answer:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get(
            "x-api-key"
        )
        if self.keys and sent not in self.keys:
            return refuses(401, "invalid x-api-key")
        error = problem(body, betas=request.headers.get("anthropic-beta", ""))
        if error:
            return refuses(400, error)
        if callable(self.script):
            return self.script(body)
        self._scripted += 1
        if self._scripted > len(self.script):
            return refuses(400, f"the script has {len(self.script)} answers, and this is one more")
        return self.script[self._scripted - 1]

    async def _stream(self, answer: Says, request: str, *, number: int, model: str) -> AsyncIterator[str]:
        for number_of_event, event in enumerate(events(answer, request, number=number, model=model)):
            if number_of_event == answer.hold_after:
                await asyncio.to_thread(answer.release.wait, 30)
            if number_of_event == answer.cut_after:
                raise ConnectionAbortedError("the script cuts the stream here")
            if number_of_event == answer.error_after:
                yield _sse({"type": "error", "error": {"type": answer.error_type, "message": "Overloaded"}})
                return
            if answer.pause_s:
                await asyncio.sleep(answer.pause_s)
            if event["type"] == "message_stop":
                self.answered += 1
            yield _sse(event)

    async def _count_tokens(self, request: Request) -> Response:
        size_bytes = len(await request.body())
        self.counts += 1
        if self.count_by is None:
            return _refusal(refuses(404, "there is no such route"), self.counts)
        return JSONResponse({"input_tokens": self.count_by(size_bytes)})


def _sse(event: dict[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _refusal(answer: Refuses, number: int) -> Response:
    error = {"type": answer.type, "message": answer.message}
    body = {"type": "error", "error": error, "request_id": f"req_{number:06d}"}
    headers = {"request-id": f"req_{number:06d}", **answer.headers}
    return JSONResponse(body, status_code=answer.status, headers=headers)
