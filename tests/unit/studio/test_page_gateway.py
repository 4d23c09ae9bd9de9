"""The gateway: routing of paths, and the accepted WebSockets."""

from __future__ import annotations

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.gateway import Gateway, Parts
from studio.session import SessionStatus
from studio.sockets import UserIdOf

PUBLIC_URL = "https://studio.example.org"


def responding(word: str) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept", "subprotocol": word})
        else:
            await PlainTextResponse(word)(scope, receive, send)

    return answer


async def _health(_: Request) -> PlainTextResponse:
    return PlainTextResponse("health")


async def _session_status_of(cookie: str | None) -> SessionStatus:
    return cast(SessionStatus, cookie or "signed_out")


async def _no_user(_: str | None) -> None:
    return None


@pytest.fixture
def gateway() -> Gateway:
    return gateway_of(responding("events"), _no_user)


def gateway_of(events: ASGIApp, user_id_of: UserIdOf) -> Gateway:
    api_routes = [Route("/health", _health), Route("/sign-in", _health)]
    return Gateway(
        Parts(
            lifespan=Starlette(),
            api=responding("api"),
            tools=responding("tools"),
            events=events,
            prepare_events=lambda: None,
            following=responding("following"),
            pages=responding("pages"),
        ),
        api_routes=api_routes,
        public_url=PUBLIC_URL,
        session_status_of=_session_status_of,
        user_id_of=user_id_of,
        max_pages=1,
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
        ("/mcp", b"tools"),
        ("/v1/nowhere", b"api"),
        ("/health", b"api"),
        ("/sign-in", b"api"),
    ],
)
async def test_each_path_is_handled_by_one_part(gateway: Gateway, path: str, part: bytes) -> None:
    sent = await ask(gateway, path, cookie="signed_in")
    assert sent[1]["body"] == part


@pytest.mark.parametrize(
    ("origin", "host"), [("http://127.0.0.1:8000", "127.0.0.1:8000"), (PUBLIC_URL, "10.0.0.7:8000")]
)
async def test_socket_of_a_studio_page_is_accepted(gateway: Gateway, origin: str, host: str) -> None:
    sent = await ask(gateway, "/_event/", "websocket", cookie="signed_in", origin=origin, host=host)
    assert sent[0]["subprotocol"] == "events"


async def test_the_socket_for_job_events_is_only_for_studio_pages(gateway: Gateway) -> None:
    ours = {"origin": PUBLIC_URL, "host": "10.0.0.7:8000"}
    opened = await ask(gateway, "/_follow", "websocket", cookie="signed_in", **ours)
    assert opened[0]["subprotocol"] == "following"
    for headers in (
        {**ours, "cookie": "signed_out"},
        {**ours, "origin": "https://evil.example", "cookie": "signed_in"},
    ):
        refused = await ask(gateway, "/_follow", "websocket", **headers)
        assert [message["type"] for message in refused] == ["websocket.close"]


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
async def test_socket_of_another_origin_is_closed_before_it_opens(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    sent = await ask(gateway, "/_event/", "websocket", cookie="signed_in", **headers)
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_page_above_the_limit_can_query_the_capacity() -> None:
    ends, user_id = asyncio.Event(), uuid4()

    async def until_it_ends(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await ends.wait()

    async def known_user(_: str | None) -> UUID:
        return user_id

    async def room() -> int:
        return int((await ask(gateway, "/_event/room", cookie="signed_in"))[0]["status"])

    gateway = gateway_of(until_it_ends, known_user)
    ours = {"cookie": "signed_in", "origin": PUBLIC_URL, "host": "studio.example.org"}
    assert await room() == 204
    first = asyncio.create_task(ask(gateway, "/_event/", "websocket", **ours))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while await room() == 204:  # noqa: ASYNC110 - nothing signals that the slot is taken
            await asyncio.sleep(0)
    assert await ask(gateway, "/_event/", "websocket", **ours) == [{"type": "websocket.close", "code": 4429}]
    assert await room() == 429
    ends.set()
    await first
    assert await room() == 204


@pytest.mark.parametrize("status", ["signed_out", "unknown"])
async def test_only_signed_in_users_get_a_socket(gateway: Gateway, status: str) -> None:
    own = {"origin": PUBLIC_URL, "host": "studio.example.org"}
    assert await ask(gateway, "/_event/", "websocket", cookie=status, **own) == [
        {"type": "websocket.close", "code": 1008}
    ]


async def test_signed_out_users_are_redirected_to_the_sign_in_form_and_back(gateway: Gateway) -> None:
    sent = await ask(gateway, "/p/acme/jobs")
    headers = dict(sent[0]["headers"])
    assert sent[0]["status"] == 303
    assert headers[b"location"] == b"/sign-in?next=%2Fp%2Facme%2Fjobs%3Ftab%3D2"
    assert headers[b"cache-control"] == b"no-store"


async def test_pages_are_served_while_the_database_is_unavailable(gateway: Gateway) -> None:
    sent = await ask(gateway, "/p/acme/jobs", cookie="unknown")
    assert sent[1]["body"] == b"pages"


async def test_sockets_open_only_at_their_paths(gateway: Gateway) -> None:
    sent = await ask(
        gateway, "/v1/jobs", "websocket", cookie="signed_in", origin=PUBLIC_URL, host="studio.example.org"
    )
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_plain_event_requests_of_other_origins_are_rejected(gateway: Gateway) -> None:
    sent = await ask(
        gateway, "/_event/", cookie="signed_in", origin="https://evil.example", host="127.0.0.1:8000"
    )
    assert sent[0]["status"] == 403
