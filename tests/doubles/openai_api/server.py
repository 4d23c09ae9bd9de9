"""The server: it responds in the order of its script, or with the result of a function of the request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.doubles.messages.script import Answer, Refuses, Says, refuses
from tests.doubles.openai_api import chat, responses
from tests.doubles.openai_api.families import Family
from tests.doubles.openai_api.grammar import Wrong, canonical
from tests.doubles.scripted import Script, ScriptedServer

Api = Literal["chat", "responses"]


class OpenAIServer(ScriptedServer):
    """An upstream that speaks Chat Completions and the Responses API."""

    name = "openai"
    url_path = "/v1"

    def __init__(
        self, script: Script = (), *, keys: Sequence[str] = (), family: Family | None = None
    ) -> None:
        super().__init__(script, keys=keys)
        self.family = family
        """The provider whose form of Chat Completions it has; None: that of OpenAI, with reasoning."""
        self.reports_usage = True
        self.rejects: tuple[str, ...] = ()
        """Parameters that the server does not support."""
        self.models: tuple[str, ...] = ()
        """The list of its models."""

    def restart(self, *script: Answer) -> None:
        """Forget the requests, and respond by another script."""
        super().restart(*script)
        self.reports_usage, self.rejects = True, ()

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
            number = self.record(request, body)
            if self.family is not None and (rejected := self.family.problem(body)) is not None:
                status, error = rejected
                return JSONResponse(error, status_code=status)
            answer = self._answer(request, body, api)
        if isinstance(answer, Refuses):
            return _refusal(answer)
        if self.family is not None:
            answer = self.family.chosen(answer, body)
        headers = {"x-request-id": f"req_{number:06d}"}
        sent = self._events(answer, text, body, api=api, number=number)
        error_event = (chat if api == "chat" else responses).error_event(answer.error_type)
        stream = self.play(answer, sent, error_event)
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    def _events(
        self, answer: Says, text: str, body: dict[str, Any], *, api: Api, number: int
    ) -> Iterator[str]:
        model = body["model"]
        if api == "responses":
            return responses.events(answer, text, number=number, model=model, has_usage=self.reports_usage)
        has_usage = self.reports_usage and (body.get("stream_options") or {}).get("include_usage", False)
        chunks = chat.chunks(answer, text, number=number, model=model, has_usage=has_usage)
        if self.family is not None:
            chunks = self.family.shaped(chunks, chat.usage(answer, text))
        return chat.events(chunks)

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
        return self.scripted_answer(asked)


def _refusal(answer: Refuses) -> Response:
    code = answer.headers.get("code")
    error = {"message": answer.message, "type": answer.type, "param": None, "code": code}
    headers = {name: value for name, value in answer.headers.items() if name != "code"}
    return JSONResponse({"error": error}, status_code=answer.status, headers=headers)
