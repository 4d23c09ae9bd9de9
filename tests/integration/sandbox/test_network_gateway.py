"""The gateway of the proxy over real sockets: forwarded requests, limits, and attempts to bypass it.

All `*.example` names of the tests resolve to loopback, which the address check of the tests allows.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from backend.core.net.egress.connector import LOOKUPS_PER_TENANT, Connector
from backend.core.net.egress.rules import Rule
from workers.sandbox.egress.gateway import MAX_CONNECTIONS, Gateway

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
WITHIN_S: Final = 15
OK: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class GatewaySetup:
    """A gateway, the port of a server behind it, and the messages of the gateway."""

    def __init__(
        self, port: int, upstream: int, messages: list[dict[str, Any]], seen: list[bytes], gateway: Gateway
    ) -> None:
        self.port = port
        self.upstream = upstream
        self.messages = messages
        self.seen = seen
        self.gateway = gateway

    def denied(self) -> list[tuple[str, Any, str]]:
        return [
            (one["host"], one["port"], one["reason"]) for one in self.messages if one["type"] == "refused"
        ]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def send(self, text: bytes) -> bytes:
        """Send bytes and return all that is received until the end."""
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await self.connect()
            try:
                writer.write(text)
                response = await reader.read()
            finally:
                writer.close()
        return response


@asynccontextmanager
async def gateway_setup(
    *,
    serve: Serve | None = None,
    addresses: list[str] | None = None,
    network: str | list[str] | None = None,
    **options: Any,
) -> AsyncIterator[GatewaySetup]:
    """Open a gateway for which all names resolve to loopback, and a server on loopback."""
    seen: list[bytes] = []
    before = asyncio.all_tasks()

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    async def resolve(host: str, port: int) -> list[str]:
        return addresses or ["127.0.0.1"]

    server = await asyncio.start_server(serve or respond, "127.0.0.1", 0)
    upstream = server.sockets[0].getsockname()[1]
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    messages: list[dict[str, Any]] = []
    connector = options.pop("connector", None) or Connector(
        options.pop("resolve", resolve),
        lambda address: None if address == "127.0.0.1" else "address_not_public",
    )
    gateway = Gateway(
        1, Rule.of(network or [f"a.example:{upstream}"]), messages.append, connector=connector, **options
    )
    await gateway.open(listener)
    try:
        yield GatewaySetup(port, upstream, messages, seen, gateway)
    finally:
        gateway.close()
        server.close()
        async with asyncio.timeout(WITHIN_S):
            # The server closes after its client; open connections would be reported after the end of the loop.
            while gateway.open_connections or asyncio.all_tasks() - before:  # noqa: ASYNC110 - they end soon
                await asyncio.sleep(0.01)


def _get(gateway_setup: GatewaySetup, path: str = "/") -> bytes:
    return f"GET http://a.example:{gateway_setup.upstream}{path} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode()


async def test_request_is_forwarded_with_the_host_of_the_server() -> None:
    async with gateway_setup() as one:
        assert await one.send(_get(one, "/x?y=1")) == OK
        assert one.seen == [
            f"GET /x?y=1 HTTP/1.1\r\nHost: a.example:{one.upstream}\r\nConnection: close\r\n\r\n".encode()
        ]
        assert one.messages == [{"gateway": 1, "type": "opened", "job": None}]


async def test_tunnel_forwards_and_counts_bytes_in_both_directions() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    block = bytes(range(256)) * 4096
    async with gateway_setup(serve=echo) as one, asyncio.timeout(WITHIN_S):
        reader, writer = await one.connect()
        writer.write(
            f"CONNECT a.example:{one.upstream} HTTP/1.1\r\nProxy-Authorization: Basic am9iOjc=\r\n\r\n".encode()
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        sending = asyncio.create_task(_send(writer, block * 8))
        assert await reader.readexactly(len(block) * 8) == block * 8
        await sending
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        one.gateway.traffic.close(7, alone=False, last=True)
        assert one.messages[-1] == {
            "type": "counted",
            "gateway": 1,
            "job": 7,
            "connections": 1,
            "refused": 0,
            "sent_bytes": len(block) * 8,
            "received_bytes": len(block) * 8,
        }


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def test_keep_alive_of_a_server_is_replaced_with_close() -> None:
    async def keeps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: keep-alive\r\n")
        writer.write(b"Keep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async with gateway_setup(serve=keeps) as one:
        assert await one.send(_get(one)) == (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        )


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (b"", b"closed the connection without a response"),
        (b"HTTP/1.1 200 OK\r\nX: y", b"closed the connection without a response"),
        (b"SSH-2.0-x\r\n\r\n", b"sent a response that is not HTTP"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", b"sent a response that is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000, b"sent a response with too long headers"),
    ],
)
async def test_invalid_responses_are_reported(response: bytes, expected: bytes) -> None:
    async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        writer.close()

    async with gateway_setup(serve=odd) as one:
        error = await one.send(_get(one))
        assert error.startswith(b"HTTP/1.1 502 a.example ")
        assert expected in error


@pytest.mark.parametrize(
    ("framing", "body", "arrives"),
    [
        ("Content-Length: 5", b"hello", b"hello"),
        (
            "Transfer-Encoding: chunked",
            b"2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX-T: 1\r\n\r\n",
            b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ),
    ],
)
async def test_request_bodies_are_forwarded_completely(framing: str, body: bytes, arrives: bytes) -> None:
    got = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        got.set_result((framing.encode() in head, await reader.readexactly(len(arrives))))
        writer.write(OK)
        writer.close()

    async with gateway_setup(serve=serve) as one:
        head = f"POST http://a.example:{one.upstream}/ HTTP/1.1\r\n{framing}\r\n\r\n".encode()
        assert await one.send(head + body) == OK
        assert await got == (True, arrives)


@pytest.mark.parametrize(
    "client_waits", [False, True], ids=["client continues to send", "client waits for approval"]
)
async def test_response_before_the_end_of_the_body_arrives_completely(client_waits: bool) -> None:
    expected = b"HTTP/1.1 413 Too large\r\nContent-Length: 2000\r\nConnection: close\r\n\r\n" + b"n" * 2_000

    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(expected)
        await writer.drain()
        writer.close()  # with unread bytes, so the connection is reset

    async with gateway_setup(serve=refuses) as one:
        head = f"POST http://a.example:{one.upstream}/ HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n".encode()
        assert await one.send(head if client_waits else head + b"x" * 900_000) == expected


async def test_second_request_on_a_connection_is_rejected_and_recorded() -> None:
    """A connection to a listed host must not carry a second request to another host."""

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.read(1 << 16))
        heads.append(await reader.read(1 << 16))
        writer.close()

    heads: list[bytes] = []
    async with gateway_setup(serve=slow) as one:
        smuggled = b"GET /admin HTTP/1.1\r\nHost: other.example\r\n\r\n"
        response = await one.send(_get(one) + smuggled)
        assert response.startswith(b"HTTP/1.1 400 a connection to the proxy can carry only one request")
        assert b"admin" not in b"".join(heads)
        assert one.denied() == [("a.example", one.upstream, "malformed")]


async def test_request_after_the_response_closes_the_connection() -> None:
    async def keeps_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        heads.append(await reader.read())
        writer.close()

    heads: list[bytes] = []
    async with gateway_setup(serve=keeps_alive) as one, asyncio.timeout(WITHIN_S):
        reader, writer = await one.connect()
        writer.write(_get(one))
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
        writer.write(_get(one, "/second"))
        assert await reader.read() == b""
        writer.close()
        assert one.denied() == [("a.example", one.upstream, "malformed")]
    assert heads == [b""]


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_ambiguous_lengths_are_rejected(rest: bytes) -> None:
    async with gateway_setup() as one:
        head = f"POST http://a.example:{one.upstream}/ HTTP/1.1\r\n".encode()
        response = await one.send(head + rest)
        assert response.startswith(b"HTTP/1.1 400 ")
        assert one.seen == []
        assert [reason for _, _, reason in one.denied()] == ["malformed"]


@pytest.mark.parametrize(
    "body",
    [b"x\r\n", b"5\r\nhello!\r\n", b"-1\r\n", b"0x5\r\nhello\r\n", b"5\nhello\r\n0\r\n\r\n", b"z" * 40_000],
)
async def test_invalid_chunks_end_the_connection(body: bytes) -> None:
    async def no_response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with gateway_setup(serve=no_response) as one:
        head = (
            f"POST http://a.example:{one.upstream}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        assert (await one.send(head + body)).startswith(b"HTTP/1.1 400 ")
        assert one.denied() == [("a.example", one.upstream, "malformed")]


async def test_name_is_resolved_once_and_the_checked_address_is_used() -> None:
    lookups: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"] if len(lookups) == 1 else ["127.0.0.2"]

    async with gateway_setup(resolve=rebinding) as one:
        assert await one.send(_get(one)) == OK
        assert lookups == ["a.example"]
        assert b" 403 a.example is not at a public address" in await one.send(_get(one))
        assert one.denied() == [("a.example", one.upstream, "address_not_public")]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1", "10.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["fe80::1%lo"], ["::ffff:127.0.0.1"]]
)
async def test_name_with_one_private_address_is_denied(addresses: list[str]) -> None:
    async with gateway_setup(addresses=addresses) as one:
        assert b" 403 " in await one.send(_get(one))
        assert one.seen == []


async def test_unlisted_host_is_not_resolved() -> None:
    lookups: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"]

    async with gateway_setup(resolve=resolve) as one:
        response = await one.send(b"CONNECT secret-in-a-name.evil.example:443 HTTP/1.1\r\n\r\n")
        assert b"add 'secret-in-a-name.evil.example' to network: in skill.yaml" in response
        assert lookups == []


async def test_unanswered_lookups_are_limited_and_do_not_block_other_gateways(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("backend.core.net.egress.connector._RESOLVE_S", 0.3)
    lookups = 0
    never = asyncio.Event()

    async def endless(host: str, port: int) -> list[str]:
        nonlocal lookups
        lookups += 1
        await never.wait()
        return []

    async with gateway_setup(resolve=endless) as one, gateway_setup() as other:
        responses = await asyncio.gather(*(one.send(_get(one)) for _ in range(3 * LOOKUPS_PER_TENANT)))
        assert all(
            response.startswith(b"HTTP/1.1 504 the addresses of a.example were not found")
            for response in responses
        )
        assert lookups == LOOKUPS_PER_TENANT
        assert await other.send(_get(other)) == OK
        never.set()


async def test_unknown_and_unresponsive_hosts_are_reported() -> None:
    async def none(host: str, port: int) -> list[str]:
        raise socket.gaierror(-2, "unknown")

    async with gateway_setup(resolve=none) as one:
        assert (await one.send(_get(one))).startswith(b"HTTP/1.1 502 a.example has no address")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # it does not listen
        port = taken.getsockname()[1]
        async with gateway_setup(network=[f"a.example:{port}"]) as one:
            response = await one.send(f"CONNECT a.example:{port} HTTP/1.1\r\n\r\n".encode())
            assert response.startswith(f"HTTP/1.1 502 a.example does not respond on port {port}".encode())
            assert one.denied() == []


async def test_slow_head_times_out_and_other_requests_succeed() -> None:
    async with gateway_setup(head_s=0.5) as one, asyncio.timeout(WITHIN_S):
        reader, writer = await one.connect()

        async def send_slowly() -> None:
            while True:
                writer.write(b"X")
                await asyncio.sleep(0.05)

        sending_slowly = asyncio.create_task(send_slowly())
        assert await one.send(_get(one)) == OK
        response = await reader.read()
        sending_slowly.cancel()
        writer.close()
        assert response.startswith(b"HTTP/1.1 408 the head of the request did not arrive within 0.5 s")


async def test_too_long_head_is_rejected() -> None:
    async with gateway_setup() as one:
        response = await one.send(_get(one)[:-2] + b"X: " + b"y" * 200_000)
        assert response.startswith(b"HTTP/1.1 400 the head of the request is longer than 32768 bytes")
        assert one.seen == []


async def test_idle_connection_ends() -> None:
    async def no_response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with gateway_setup(serve=no_response, idle_s=0.3) as one:
        response = await one.send(f"CONNECT a.example:{one.upstream} HTTP/1.1\r\n\r\n".encode())
        assert response.startswith(b"HTTP/1.1 200 ")


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def test_connections_of_a_job_and_of_a_gateway_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        gateway_setup(serve=_silent, max_connections=lambda: MAX_CONNECTIONS + 8) as one,
        asyncio.timeout(WITHIN_S),
    ):
        ask = f"CONNECT a.example:{one.upstream} HTTP/1.1\r\nProxy-Authorization: Basic %s\r\n\r\n"
        mine, others = (ask % "am9iOjc=").encode(), (ask % "am9iOjg=").encode()
        held = []
        for _ in range(MAX_CONNECTIONS):
            reader, writer = await one.connect()
            writer.write(mine)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            held.append(writer)
        assert (await one.send(mine)).startswith(b"HTTP/1.1 503 this skill has 64 open connections")
        reader, writer = await one.connect()
        writer.write(others)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        held.append(writer)
        held += [(await one.connect())[1] for _ in range(8)]  # these send nothing
        assert (await one.send(others)).startswith(b"HTTP/1.1 503 this skill has 72 open connections")
        assert {reason for _, _, reason in one.denied()} == {"too_many_connections"}
        for writer in held:
            writer.close()


async def test_connections_in_progress_count_toward_the_limit() -> None:
    found = asyncio.Event()

    async def slowly(host: str, port: int) -> list[str]:
        await found.wait()
        return ["127.0.0.1"]

    async with gateway_setup(serve=_silent, resolve=slowly) as one, asyncio.timeout(WITHIN_S):
        ask = f"CONNECT a.example:{one.upstream} HTTP/1.1\r\nProxy-Authorization: Basic am9iOjc=\r\n\r\n"
        held = [await one.connect() for _ in range(MAX_CONNECTIONS)]
        for _, writer in held:
            writer.write(ask.encode())
        while one.gateway.traffic.of(7).open_now < MAX_CONNECTIONS:  # noqa: ASYNC110 - the gateway counts them later
            await asyncio.sleep(0.01)
        assert (await one.send(ask.encode())).startswith(b"HTTP/1.1 503 this skill has 64 open connections")
        found.set()
        for reader, writer in held:
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            writer.close()


async def test_gateway_closed_before_it_opened_accepts_no_connections() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    gateway = Gateway(1, Rule.of("public"), lambda _: None)
    gateway.close()
    await gateway.open(listener)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_denied_requests_are_counted_and_their_events_are_limited() -> None:
    async with gateway_setup() as one:
        for _ in range(10):
            await asyncio.gather(*(one.send(b"CONNECT b.example:443 HTTP/1.1\r\n\r\n") for _ in range(40)))
        assert 100 < len(one.denied()) < 400
        assert one.gateway.traffic.of(None).refused == 400


async def test_large_denied_body_still_gets_a_response() -> None:
    async with gateway_setup() as one:
        head = b"POST http://b.example/ HTTP/1.1\r\nContent-Length: 900000\r\n\r\n"
        response = await one.send(head + b"x" * 900_000)
        assert response.startswith(b"HTTP/1.1 403 b.example is not in this skill's list of hosts")
        assert response.endswith(b'"code": "network_refused"}')


async def test_client_disconnect_ends_the_connection_to_the_server() -> None:
    ended = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    async with gateway_setup(serve=wait) as one, asyncio.timeout(WITHIN_S):
        reader, writer = await one.connect()
        writer.write(f"CONNECT a.example:{one.upstream} HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await ended.wait()
