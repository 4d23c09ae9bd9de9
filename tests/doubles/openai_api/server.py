"""The server: it responds in the order of its script, or with the result of a function of the request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.doubles.messages.script import Answer, Refuses, Says, refuses
from tests.doubles.openai_api import chat, responses
from tests.doubles.openai_api.grammar import Wrong, canonical
from tests.doubles.serving import serving

Script = Sequence[Answer] | Callable[[dict[str, Any]], Answer]
Api = Literal["chat", "responses"]


class OpenAIServer:
    """One upstream with a script of replies, which records the requests."""

    def __init__(self, script: Script = (), *, keys: Sequence[str] = ()) -> None:
        self.script = script
        self.keys = tuple(keys)
        """The valid keys; every key is valid when there are none."""
        self.bodies: list[dict[str, Any]] = []
        """Every request for a reply, including rejected ones."""
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.answered = 0
        """Replies that were streamed completely, which an upstream would charge for."""
        self.reports_usage = True
        self.rejects: tuple[str, ...] = ()
        """Parameters that the server does not support."""
        self.models: tuple[str, ...] = ()
        """The list of its models."""
        self.url = ""
        """The base URL, with `/v1`."""
        self._scripted = 0
        self._lock = threading.Lock()

    @property
    def asked(self) -> int:
        """Return the number of requests for a reply."""
        return len(self.bodies)

    def restart(self, *script: Answer) -> None:
        """Forget the requests, and respond by another script."""
        self.script, self._scripted, self.answered = script, 0, 0
        self.reports_usage, self.rejects = True, ()
        for recorded in (self.bodies, self.headers, self.paths):
            recorded.clear()

    @contextmanager
    def running(self) -> Iterator[OpenAIServer]:
        """Serve on a local port in a thread."""
        with serving(self.app(), "openai") as url:
            self.url = f"{url}/v1"
            yield self

    def app(self) -> Starlette:
        """Return the application with the routes of both APIs."""
        return Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/responses", self._responses, methods=["POST"]),
                Route("/v1/models", self._list_models, methods=["GET"]),
            ]
        )

    async def _chat(self, request: Request) -> Response:
        return await self._reply(request, "chat")

    async def _responses(self, request: Request) -> Response:
        return await self._reply(request, "responses")

    async def _list_models(self, request: Request) -> Response:
        with self._lock:
            self.headers.append(dict(request.headers))
        if not self._is_authorized(request):
            return _refusal(refuses(401, "Incorrect API key provided"))
        return JSONResponse(
            {"object": "list", "data": [{"id": one, "object": "model"} for one in self.models]}
        )

    async def _reply(self, request: Request, api: Api) -> Response:
        text = (await request.body()).decode()
        body = json.loads(text)
        with self._lock:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            self.paths.append(request.url.path)
            number = len(self.bodies)
            answer = self._answer(request, body, api)
        if isinstance(answer, Refuses):
            return _refusal(answer)
        headers = {"x-request-id": f"req_{number:06d}"}
        stream = self._stream(answer, text, body, api=api, number=number)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    def _is_authorized(self, request: Request) -> bool:
        return not self.keys or request.headers.get("authorization", "").removeprefix("Bearer ") in self.keys

    def _answer(self, request: Request, body: dict[str, Any], api: Api) -> Answer:
        if not self._is_authorized(request):
            return refuses(401, "Incorrect API key provided: sk-wron***")
        for name in self.rejects:
            if name in body or any(name in message for message in body.get("messages", [])):
                return refuses(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        try:
            asked = canonical(body, api)
        except Wrong as wrong:
            return refuses(400, str(wrong))
        if callable(self.script):
            return self.script(asked)
        self._scripted += 1
        if self._scripted > len(self.script):
            return refuses(400, f"the script has {len(self.script)} answers, and this is one more")
        return self.script[self._scripted - 1]

    async def _stream(
        self, answer: Says, text: str, body: dict[str, Any], *, api: Api, number: int
    ) -> AsyncIterator[str]:
        speaks = chat if api == "chat" else responses
        has_usage = self.reports_usage and (
            api == "responses" or (body.get("stream_options") or {}).get("include_usage", False)
        )
        sent = speaks.events(answer, text, number=number, model=body["model"], has_usage=has_usage)
        for number_of_event, event in enumerate(sent):
            if number_of_event == answer.hold_after:
                await asyncio.to_thread(answer.release.wait, 30)
            if number_of_event == answer.cut_after:
                raise ConnectionAbortedError("the script cuts the stream here")
            if number_of_event == answer.error_after:
                yield speaks.error_event(answer.error_type)
                return
            if answer.pause_s:
                await asyncio.sleep(answer.pause_s)
            yield event
        self.answered += 1


def _refusal(answer: Refuses) -> Response:
    code = answer.headers.get("code")
    error = {"message": answer.message, "type": answer.type, "param": None, "code": code}
    headers = {name: value for name, value in answer.headers.items() if name != "code"}
    return JSONResponse({"error": error}, status_code=answer.status, headers=headers)
