"""The server: it accepts requests into a queue, and returns their status, results and files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.doubles.serving import serving

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels" * 20
MP4 = b"\x00\x00\x00\x18ftypisom" + b"frames" * 20
MP3 = b"ID3\x04" + b"sound" * 20


@dataclass
class Wish:
    """How the server processes the next request."""

    refusals: list[int] = field(default_factory=list)
    """Error statuses that the server returns before it accepts the request."""
    polls: int = 1
    """The number of status requests before it is completed; -1: it is never completed."""
    status_of_result: int = 200
    result: dict[str, Any] | None = None
    """None: a file of the type that the path of the request implies."""
    file: bytes | None = None
    file_url: str | None = None
    """Replaces the URL of the server's own file."""


@dataclass
class Made:
    """A request that the server has received."""

    id: str
    path: str
    body: dict[str, Any]
    wish: Wish
    polls: int = 0
    is_cancelled: bool = False


class FalServer:
    """The queue of one account."""

    def __init__(self, key: str = "fal-key") -> None:
        self.key = key
        self.wishes: list[Wish] = []
        """For the next requests, in order; when the list is empty, requests succeed."""
        self.orders: list[Made] = []
        self.asked_without_key = 0
        self.fetched: list[str] = []
        self.url = ""
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """Return the host for the setting of an operator that allows it."""
        return self.url.removeprefix("http://")

    @contextmanager
    def running(self) -> Iterator[FalServer]:
        """Serve on a local port in a thread."""
        with serving(self.app(), "fal") as self.url:
            yield self

    def app(self) -> Starlette:
        """Return the application with the routes of the queue."""
        requests = "/{owner}/{app}/requests/{id}"
        return Starlette(
            routes=[
                Route("/files/{id}", self._file),
                Route("/loop", lambda _: RedirectResponse("/loop")),
                Route(f"{requests}/status", self._status),
                Route(f"{requests}/cancel", self._cancel, methods=["PUT"]),
                Route(requests, self._result),
                Route("/{path:path}", self._order, methods=["POST"]),
            ]
        )

    async def _order(self, request: Request) -> Response:
        if not self._has_key(request):
            return JSONResponse({"detail": "Cannot access application"}, status_code=401)
        body = await request.json()
        with self._lock:
            wish = self.wishes[0] if self.wishes else Wish()
            if wish.refusals:
                status = wish.refusals.pop(0)
                detail = [{"msg": "The content could not be processed", "loc": ["body", "prompt"]}]
                return JSONResponse({"detail": detail}, status_code=status, headers={"Retry-After": "0"})
            self.wishes = self.wishes[1:]
            made = Made(f"req-{len(self.orders)}", request.path_params["path"], body, wish)
            self.orders.append(made)
        return JSONResponse({"request_id": made.id, "status": "IN_QUEUE", "queue_position": 0})

    async def _status(self, request: Request) -> Response:
        made = self._find(request)
        if made is None:
            return JSONResponse({"detail": "not found"}, status_code=404)
        made.polls += 1
        is_done = 0 <= made.wish.polls < made.polls
        status = "COMPLETED" if is_done else "IN_PROGRESS"
        return JSONResponse(
            {"status": status}, status_code=200 if is_done else 202, headers={"Retry-After": "0"}
        )

    async def _result(self, request: Request) -> Response:
        made = self._find(request)
        if made is None:
            return JSONResponse({"detail": "not found"}, status_code=404)
        if made.wish.status_of_result != 200:
            return JSONResponse({"detail": "It broke."}, status_code=made.wish.status_of_result)
        return JSONResponse(made.wish.result if made.wish.result is not None else self._default_result(made))

    def _default_result(self, made: Made) -> dict[str, Any]:
        file = {"url": made.wish.file_url or f"{self.url}/files/{made.id}"}
        if "speech-to-text" in made.path:
            words = [{"text": "Owls", "start": 0.0, "end": 0.4}, {"text": "fly", "start": 0.5, "end": 2.5}]
            return {"text": "Owls fly", "language_code": "eng", "words": words}
        if "tts" in made.path:
            return {"audio": file}
        return (
            {"video": file} if "video" in made.path else {"images": [file] * made.body.get("num_images", 1)}
        )

    async def _cancel(self, request: Request) -> Response:
        made = self._find(request)
        if made is None:
            return JSONResponse({"detail": "not found"}, status_code=404)
        made.is_cancelled = True
        return JSONResponse({"status": "CANCELLATION_REQUESTED"}, status_code=202)

    async def _file(self, request: Request) -> Response:
        made = next(one for one in self.orders if one.id == request.path_params["id"])
        self.fetched.append(made.id)
        default = MP4 if "video" in made.path else MP3 if "tts" in made.path else PNG
        return Response(default if made.wish.file is None else made.wish.file)

    def _find(self, request: Request) -> Made | None:
        path = f"{request.path_params['owner']}/{request.path_params['app']}"
        request_id = request.path_params["id"]
        if not self._has_key(request):
            return None
        return next((one for one in self.orders if one.id == request_id and one.path.startswith(path)), None)

    def _has_key(self, request: Request) -> bool:
        is_valid = request.headers.get("authorization") == f"Key {self.key}"
        self.asked_without_key += not is_valid
        return is_valid
