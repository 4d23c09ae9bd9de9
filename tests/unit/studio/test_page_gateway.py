"""The gateway: which part answers for a path, and whose sockets it lets in."""

from __future__ import annotations

from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.gateway import Gateway
from studio.session import Standing

PUBLIC_URL = "https://studio.example.org"


def saying(word: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "subprotocol": word})
        else:
            await PlainTextResponse(word)(scope, receive, send)

    return answer


async def _health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("health")


async def _standing_of(cookie: str | None) -> Standing:
    return cast(Standing, cookie or "signed_out")


async def _nobody(_: str | None) -> None:
    return None


@pytest.fixture
def gateway() -> Gateway:
    api_routes = [Route("/health", _health), Route("/sign-in", _health)]
    return Gateway(
        lifespan=Starlette(),
        api=saying("api"),
        api_routes=api_routes,
        events=saying("events"),
        pages=saying("pages"),
        public_url=PUBLIC_URL,
        standing_of=_standing_of,
        person_behind=_nobody,
        most_pages=1,
    )


async def ask(gateway: Gateway, path: str, kind: str = "http", **headers: str) -> list[dict[str, Any]]:
    scope = {
        "type": kind,
        "path": path,
        "query_string": b"tab=2",
        "method": "GET",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await gateway(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/", b"pages"),
        ("/p/acme/jobs", b"pages"),
        ("/assets/app.js", b"pages"),
        ("/nowhere", b"pages"),
        ("/v1/jobs", b"api"),
        ("/v1/nowhere", b"api"),
        ("/health", b"api"),
        ("/sign-in", b"api"),
    ],
)
async def test_each_path_has_one_part_that_answers(gateway: Gateway, path: str, part: bytes) -> None:
    sent = await ask(gateway, path, cookie="signed_in")
    assert sent[1]["body"] == part


@pytest.mark.parametrize(
    ("origin", "host"), [("http://127.0.0.1:8000", "127.0.0.1:8000"), (PUBLIC_URL, "10.0.0.7:8000")]
)
async def test_a_socket_of_our_own_page_is_let_in(gateway: Gateway, origin: str, host: str) -> None:
    sent = await ask(gateway, "/_event/", "websocket", cookie="signed_in", origin=origin, host=host)
    assert sent[0]["subprotocol"] == "events"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://127.0.0.1:9999", "host": "127.0.0.1:8000"},
        {"origin": "https://evil.example", "host": "127.0.0.1:8000"},
        {"origin": "null", "host": "127.0.0.1:8000"},
        {"host": "127.0.0.1:8000"},
        {"origin": "", "host": ""},
        {},
    ],
)
async def test_a_socket_of_anybody_else_is_closed_before_it_opens(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    sent = await ask(gateway, "/_event/", "websocket", cookie="signed_in", **headers)
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("standing", ["signed_out", "unknown"])
async def test_only_who_is_signed_in_gets_a_socket(gateway: Gateway, standing: str) -> None:
    own = {"origin": PUBLIC_URL, "host": "studio.example.org"}
    assert await ask(gateway, "/_event/", "websocket", cookie=standing, **own) == [
        {"type": "websocket.close", "code": 1008}
    ]


async def test_who_is_not_signed_in_is_sent_to_the_form_and_back(gateway: Gateway) -> None:
    sent = await ask(gateway, "/p/acme/jobs")
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 303
    assert headers[b"location"] == b"/sign-in?next=%2Fp%2Facme%2Fjobs%3Ftab%3D2"
    assert headers[b"cache-control"] == b"no-store"


async def test_pages_are_there_while_the_database_is_away(gateway: Gateway) -> None:
    sent = await ask(gateway, "/p/acme/jobs", cookie="unknown")
    assert sent[1]["body"] == b"pages"


async def test_sockets_open_nowhere_but_at_the_events(gateway: Gateway) -> None:
    sent = await ask(
        gateway, "/v1/jobs", "websocket", cookie="signed_in", origin=PUBLIC_URL, host="studio.example.org"
    )
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_events_by_plain_requests_of_other_origins_are_refused(gateway: Gateway) -> None:
    sent = await ask(
        gateway, "/_event/", cookie="signed_in", origin="https://evil.example", host="127.0.0.1:8000"
    )
    assert sent[0]["status"] == 403
