"""The Messages API as Amazon Bedrock and Vertex AI offer it: signed requests and frames, or access tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from zlib import crc32

from google.auth import jwt
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.doubles.messages.grammar import problem
from tests.doubles.messages.script import Answer, Refuses, Says, refuses
from tests.doubles.messages.server import error_event, refusal, sse
from tests.doubles.messages.stream import events
from tests.doubles.scripted import Script, ScriptedServer

SERVICE = "bedrock"


class BedrockServer(ScriptedServer):
    """Bedrock of one region, with one key of AWS."""

    name = "bedrock"

    def __init__(self, script: Script = (), *, aws_key: tuple[str, str], keys: Sequence[str] = ()) -> None:
        super().__init__(script, keys=keys)
        self.access_key, self.secret_key = aws_key
        self.region = "us-east-1"
        self.exception = ""
        """The exception that replaces the rest of a stream after `error_after` events."""

    def app(self) -> Starlette:
        """Return the application with the route of streams."""
        route = "/model/{model}/invoke-with-response-stream"
        return Starlette(routes=[Route(route, self._invoke, methods=["POST"])])

    async def _invoke(self, request: Request) -> Response:
        content = await request.body()
        body = json.loads(content)
        model = request.path_params["model"]
        with self._lock:
            number = self.record(request, {**body, "model": model})
            answer = self._answer(request, content, body)
        if isinstance(answer, Refuses):
            headers = {"x-amzn-errortype": answer.type}
            return JSONResponse({"message": answer.message}, status_code=answer.status, headers=headers)
        sent = (_frame(event) for event in events(answer, content.decode(), number=number, model=model))
        stream = self.play(answer, sent, _exception(self.exception))
        headers = {"x-amzn-requestid": f"aws-{number:06d}"}
        return StreamingResponse(stream, media_type="application/vnd.amazon.eventstream", headers=headers)

    def _answer(self, request: Request, content: bytes, body: dict[str, Any]) -> Answer:
        authorization = request.headers.get("authorization", "")
        is_bearer = authorization.removeprefix("Bearer ") in self.keys
        if not is_bearer and authorization != self._expected(request, content):
            return refuses(
                403, "The request signature we calculated does not match the signature you provided."
            )
        if body.pop("anthropic_version", None) is None:
            return refuses(400, "anthropic_version: Field required")
        betas = ",".join(body.pop("anthropic_beta", []))
        error = problem({**body, "stream": True}, betas=betas)
        return refuses(400, error) if error else self.scripted_answer(body)

    def _expected(self, request: Request, content: bytes) -> str:
        """Return the header of a correctly signed request: version 4 of the signatures of AWS."""
        sent = request.headers.get("authorization", "")
        at = request.headers.get("x-amz-date", "")
        signed = sent.partition("SignedHeaders=")[2].partition(",")[0]
        names = signed.split(";")
        if not {"host", "x-amz-date"} <= set(names):
            return "unsigned"
        lines = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
        path = quote(request.scope["raw_path"].decode(), safe="/~")
        canonical = f"POST\n{path}\n\n{lines}\n{signed}\n{hashlib.sha256(content).hexdigest()}"
        scope = f"{at[:8]}/{self.region}/{SERVICE}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        credential = f"Credential={self.access_key}/{scope}"
        return f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={signed}, Signature={signature}"


class VertexServer(ScriptedServer):
    """Vertex AI of one project, and the server that issues its access tokens."""

    name = "vertex"

    def __init__(self, script: Script = (), *, public_key: bytes) -> None:
        super().__init__(script)
        self.public_key = public_key
        self.tokens: list[str] = []
        """Issued tokens."""
        self.expires_in_s = 3_600
        self.refuses_tokens = False
        self.claims: dict[str, Any] = {}
        """The claims of the last request for a token."""

    def app(self) -> Starlette:
        """Return the application with the routes for tokens and streams."""
        model = (
            "/v1/projects/{project}/locations/{region}/publishers/anthropic/models/{model}:streamRawPredict"
        )
        return Starlette(
            routes=[
                Route("/token", self._token, methods=["POST"]),
                Route(model, self._predict, methods=["POST"]),
            ]
        )

    async def _token(self, request: Request) -> Response:
        form = await _form(request)
        if self.refuses_tokens or form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        self.claims = dict(jwt.decode(form["assertion"], certs=self.public_key, audience=f"{self.url}/token"))
        self.tokens.append(f"ya29.{len(self.tokens) + 1}")
        issued = {"access_token": self.tokens[-1], "expires_in": self.expires_in_s, "token_type": "Bearer"}
        return JSONResponse(issued)

    async def _predict(self, request: Request) -> Response:
        text = (await request.body()).decode()
        body = json.loads(text)
        model = request.path_params["model"]
        with self._lock:
            number = self.record(request, {**body, "model": model})
            answer = self._answer(request, body)
        if isinstance(answer, Refuses):
            return refusal(answer, number)
        return self._streamed(answer, text, number=number, model=model)

    def _streamed(self, answer: Says, text: str, *, number: int, model: str) -> Response:
        sent = (sse(event) for event in events(answer, text, number=number, model=model))
        stream = self.play(answer, sent, sse(error_event(answer.error_type)))
        headers = {"request-id": f"req_{number:06d}"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    def _answer(self, request: Request, body: dict[str, Any]) -> Answer:
        if request.headers.get("authorization") not in [f"Bearer {token}" for token in self.tokens]:
            return refuses(401, "Request had invalid authentication credentials.")
        if body.pop("anthropic_version", None) is None:
            return refuses(400, "anthropic_version: Field required")
        error = problem(body, betas=request.headers.get("anthropic-beta", ""))
        return refuses(400, error) if error else self.scripted_answer(body)


async def _form(request: Request) -> dict[str, str]:
    async with request.form() as form:
        return {name: str(value) for name, value in form.items()}


def _frame(event: dict[str, Any]) -> bytes:
    content = base64.b64encode(json.dumps(event).encode()).decode()
    return _message({":event-type": "chunk", ":message-type": "event"}, {"bytes": content})


def _exception(kind: str) -> bytes:
    return _message({":exception-type": kind, ":message-type": "exception"}, {"message": "Too many tokens."})


def _message(headers: dict[str, str], payload: dict[str, Any]) -> bytes:
    """Return a message of an event stream of AWS: lengths, headers and payload, each with a checksum."""
    written = b""
    for name, value in {**headers, ":content-type": "application/json"}.items():
        written += struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value))
        written += value.encode()
    content = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(written) + len(content), len(written))
    message = prelude + struct.pack("!I", crc32(prelude)) + written + content
    return message + struct.pack("!I", crc32(message))
