"""The server: it responds in the order of its script, or with the result of a function of the request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.doubles.messages.grammar import problem
from tests.doubles.messages.script import Answer, Refuses, refuses
from tests.doubles.messages.stream import events, message
from tests.doubles.scripted import Script, ScriptedServer


class MessagesServer(ScriptedServer):
    """An upstream that speaks the Messages API."""

    name = "messages"

    def __init__(self, script: Script = (), *, keys: Sequence[str] = ()) -> None:
        super().__init__(script, keys=keys)
        self.counts = 0
        """Requests to count the tokens of a prompt."""
        self.count_by: Callable[[int], int] | None = lambda size_bytes: size_bytes // 4
        """Convert the number of bytes of a prompt to tokens; None: the route does not exist."""

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
            number = self.record(request, body)
            answer = self._answer(request, body)
        if isinstance(answer, Refuses):
            return refusal(answer, number)
        headers = {"request-id": f"req_{number:06d}"}
        if not body.get("stream"):
            self.answered += 1
            whole = message(answer, text, number=number, model=body["model"])
            return JSONResponse(whole, headers=headers)
        sent = (sse(event) for event in events(answer, text, number=number, model=body["model"]))
        stream = self.play(answer, sent, sse(error_event(answer.error_type)))
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    def _answer(self, request: Request, body: dict[str, Any]) -> Answer:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ") or request.headers.get(
            "x-api-key"
        )
        if self.keys and sent not in self.keys:
            return refuses(401, "invalid x-api-key")
        error = problem(body, betas=request.headers.get("anthropic-beta", ""))
        return refuses(400, error) if error else self.scripted_answer(body)

    async def _count_tokens(self, request: Request) -> Response:
        size_bytes = len(await request.body())
        self.counts += 1
        if self.count_by is None:
            return refusal(refuses(404, "there is no such route"), self.counts)
        return JSONResponse({"input_tokens": self.count_by(size_bytes)})


def error_event(kind: str) -> dict[str, Any]:
    """Return an error within the stream."""
    return {"type": "error", "error": {"type": kind, "message": "Overloaded"}}


def refusal(answer: Refuses, number: int) -> Response:
    """Return the response of a rejected request."""
    error = {"type": answer.type, "message": answer.message}
    body = {"type": "error", "error": error, "request_id": f"req_{number:06d}"}
    headers = {"request-id": f"req_{number:06d}", **answer.headers}
    return JSONResponse(body, status_code=answer.status, headers=headers)


def sse(event: dict[str, Any]) -> str:
    """Return an event as a stream has it."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
