"""The transport for URLs that tenants provide: the IP addresses that it connects to, and how much it reads."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import httpx2
import pytest

from backend.core.net.destinations import (
    OPERATOR,
    Destinations,
    EgressDestinations,
    NotReached,
    PublicDestinations,
)
from backend.core.net.egress.connector import Connector
from backend.core.net.egress.run_egress import RunEgress
from backend.core.net.public_addresses import rejection_reason
from backend.core.net.transport import (
    GuardedTransport,
    Limits,
    ResponseTooLarge,
    UnexpectedEncoding,
    guarded_client,
)
from tests.doubles.web import HOST, Web, bomb, endless, head, silent
from tests.integration.outside.conftest import Notes
from workers.sandbox.egress.network_use import NetworkUse

LIMITS: Final = Limits(max_response_bytes=1 << 20, max_redirects=20, timeout=httpx2.Timeout(10.0))
REJECTED: Final = (NotReached, httpx2.RemoteProtocolError, httpx2.InvalidURL)
"""The last two are raised by httpx2, which cannot parse all spellings."""
OTHER_HOST: Final = "other.example.org"


class Names:
    """A resolver that returns other IP addresses at each lookup; a resolved 127.0.0.1 counts as public."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self._looked_up = 0

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if not self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        self._looked_up = len(self.answers[0])
        return list(self.answers.pop(0))

    def vet(self, address: str) -> Any:
        is_looked_up, self._looked_up = self._looked_up > 0, max(0, self._looked_up - 1)
        return None if is_looked_up and address == "127.0.0.1" else rejection_reason(address)

    @property
    def connector(self) -> Connector:
        return Connector(self.resolve, self.vet)

    def public(self, **over: Any) -> PublicDestinations:
        return PublicDestinations(schemes=("http",), connector=self.connector, **over)

    def client(self, **over: Any) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
        return guarded_client(self.public(**over), LIMITS)


LOCAL: Final = (["127.0.0.1"],) * 9


def destinations(kind: str, web: Web) -> Destinations:
    """Return the destinations of each kind of check, for names that resolve to the test server."""
    names = Names(*LOCAL)
    if kind == "public":
        return names.public(ports=None)
    if kind == "egress":
        return EgressDestinations(RunEgress(web.rule, NetworkUse(Notes()), names.connector))
    return OPERATOR


async def test_only_ports_80_and_443_are_allowed_by_default(web: Web) -> None:
    url = web.says("/", b"content")
    names = Names(["127.0.0.1"], ["127.0.0.1"])
    async with names.client() as client:
        with pytest.raises(NotReached, match=f"its port {web.port} is not allowed; use one of 80, 443"):
            await client.get(url)
    assert (names.asked, web.heads) == ([], []), "the name must not be resolved"
    for ports in ({web.port}, None):
        async with names.client(ports=ports) as client:
            assert (await client.get(url)).content == b"content"


async def test_redirect_to_another_port_is_rejected(web: Web) -> None:
    url = web.says("/", b"", f"Location: http://{HOST}:{web.port + 1}/", status="302 Found")
    async with Names(["127.0.0.1"], ["127.0.0.1"]).client(ports={web.port}) as client:
        with pytest.raises(NotReached, match=f"its port {web.port + 1}"):
            await client.get(url)


async def test_relative_redirect_keeps_host_and_is_checked_again(web: Web) -> None:
    url = web.says("/", b"", "Location: /next", status="302 Found")
    web.says("/next", b"content")
    names = Names(["127.0.0.1"], ["127.0.0.1"])
    async with names.client(ports=None) as client:
        response = await client.get(url)
    assert (response.content, str(response.url)) == (b"content", web.url("/next"))
    assert [line.split("\r\n")[1].lower() for line in web.heads] == [f"host: {HOST}:{web.port}"] * 2
    assert names.asked == [HOST, HOST]


@pytest.mark.parametrize("inside", ["10.0.0.5", "64:ff9b::7f00:1", "::7f00:1", "2606:4700:4700::1111%eth0"])
async def test_name_with_private_address_at_second_lookup_is_rejected(web: Web, inside: str) -> None:
    url = web.says("/", b"", "Location: /next", status="302 Found")
    web.says("/next", b"content")
    async with Names(["127.0.0.1"], [inside]).client(ports=None) as client:
        with pytest.raises(NotReached, match="not at a public address"):
            await client.get(url)
    assert len(web.heads) == 1


async def test_one_private_address_among_others_rejects_the_name(web: Web) -> None:
    async with Names(["127.0.0.1", "10.0.0.5"]).client(ports=None) as client:
        with pytest.raises(NotReached, match="not at a public address"):
            await client.get(web.says("/", b"content"))
    assert web.heads == []


@pytest.mark.parametrize("kind", ["public", "egress"])
@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0.0.0.0"),
        *(
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.1",
            "localhost",
            "localhost.",
            "127.0.0.1.",
        ),
        *("169.254.169.254", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", f"user:secret@{HOST}"),
    ],
)
async def test_redirect_to_private_address_is_rejected_in_any_spelling(
    web: Web, kind: str, host: str
) -> None:
    url = web.says("/", b"", f"Location: http://{host}:{web.port}/inside", status="302 Found")
    web.says("/inside", b"content")
    async with guarded_client(destinations(kind, web), LIMITS) as client:
        with pytest.raises(REJECTED):
            await client.get(url)
        with pytest.raises(REJECTED):
            await client.get(f"http://{host}:{web.port}/inside")
    assert len(web.heads) == 1


@pytest.mark.parametrize("kind", ["public", "egress"])
@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://pages.example.org/", "gopher://127.0.0.1:1/"])
async def test_redirect_to_another_protocol_is_rejected(web: Web, kind: str, place: str) -> None:
    url = web.says("/", b"", f"Location: {place}", status="302 Found")
    async with guarded_client(destinations(kind, web), LIMITS) as client:
        with pytest.raises(httpx2.TransportError):
            await client.get(url)
    assert len(web.heads) == 1


@pytest.mark.parametrize("kind", ["public", "egress"])
async def test_connection_uses_the_checked_address(web: Web, kind: str) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.5"])  # a second lookup would return a private address
    egress = RunEgress(web.rule, NetworkUse(Notes()), names.connector)
    check = names.public(ports=None) if kind == "public" else EgressDestinations(egress)
    async with guarded_client(check, LIMITS) as client:
        assert (await client.get(web.says("/", b"content"))).content == b"content"
        with pytest.raises(NotReached):
            await client.get(web.url("/"))
    assert (names.asked, len(web.heads)) == ([HOST, HOST], 1)


async def test_credentials_are_not_forwarded_to_another_host(web: Web) -> None:
    async with Web().running() as other:
        other.says("/", b"content")
        url = web.says("/", b"", f"Location: {other.url('/')}", status="302 Found")
        headers = {"Authorization": "Bearer secret", "Cookie": "session=secret"}
        async with guarded_client(Names(*LOCAL).public(ports=None), LIMITS, headers) as client:
            assert (await client.get(url)).content == b"content"
    assert "secret" in web.heads[0]
    assert "secret" not in other.heads[0]


async def test_redirects_are_followed_up_to_the_limit(web: Web) -> None:
    url = web.says("/", b"", "Location: /", status="302 Found")
    for max_redirects in (0, 2):
        async with guarded_client(
            Names(*LOCAL).public(ports=None), replace(LIMITS, max_redirects=max_redirects)
        ) as client:
            if max_redirects:
                with pytest.raises(httpx2.TooManyRedirects):
                    await client.get(url)
            else:
                assert (await client.get(url)).status_code == 302
    assert len(web.heads) == 1 + 3


async def chunked(writer: asyncio.StreamWriter) -> None:
    """Send an endless sequence of chunks."""
    writer.write(head("Transfer-Encoding: chunked"))
    while True:
        writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        await writer.drain()


async def empty_gzip(writer: asyncio.StreamWriter) -> None:
    """Send an endless stream of compressed data that is empty when decompressed."""
    writer.write(head("Content-Encoding: gzip"))
    writer.write(gzip.compress(b""))
    while True:
        writer.write(gzip.compress(b"") * 1_000)
        await writer.drain()


async def announced_too_large(writer: asyncio.StreamWriter) -> None:
    """Announce a terabyte and start to send it."""
    writer.write(head("Content-Length: 1000000000000"))
    while True:
        writer.write(b"x" * (1 << 16))
        await writer.drain()


async def slow_body(writer: asyncio.StreamWriter) -> None:
    """Send one byte at a time, each before the read timeout."""
    writer.write(head("Content-Length: 100000"))
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def informational_responses(writer: asyncio.StreamWriter) -> None:
    """Send an endless sequence of informational responses."""
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def large_head(writer: asyncio.StreamWriter) -> None:
    """Send an endless header."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Filler: " + b"x" * 1_000 + b"\r\n")
        await writer.drain()


KINDS: Final = pytest.mark.parametrize("kind", ["public", "egress", "operator"])


def url_of(kind: str, web: Web) -> str:
    """Return the URL of the test server: with its name, or with its IP address for `operator` (the system resolver)."""
    return f"http://127.0.0.1:{web.port}/" if kind == "operator" else web.url("/")


@KINDS
@pytest.mark.parametrize("handler", [endless, chunked, announced_too_large, bomb, empty_gzip])
async def test_body_is_read_up_to_the_limit(web: Web, kind: str, handler: Any) -> None:
    web.does("/", handler)
    size_bytes = 0
    async with (
        guarded_client(destinations(kind, web), replace(LIMITS, deadline_s=20.0)) as client,
        client.stream("GET", url_of(kind, web)) as response,
    ):
        with pytest.raises(ResponseTooLarge, match="longer than 1048576 bytes"):
            async for piece in response.aiter_raw():
                size_bytes += len(piece)
                assert len(piece) <= 1 << 16, "at most one piece is decompressed at a time"
    assert size_bytes <= LIMITS.max_response_bytes


@KINDS
@pytest.mark.parametrize("handler", [silent, slow_body, informational_responses])
async def test_slow_response_ends_at_deadline(web: Web, kind: str, handler: Any) -> None:
    web.does("/", handler)
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with guarded_client(destinations(kind, web), replace(LIMITS, deadline_s=0.5)) as client:
            await client.get(url_of(kind, web))
    assert asyncio.get_running_loop().time() - started < 5


async def test_redirects_share_one_deadline(web: Web) -> None:
    async def slowly_elsewhere(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(head("Location: /", "Content-Length: 0", status="302 Found"))

    url = web.does("/", slowly_elsewhere)
    with pytest.raises(TimeoutError):
        async with guarded_client(
            Names(*LOCAL, *LOCAL).public(ports=None), replace(LIMITS, deadline_s=0.5)
        ) as client:
            await client.get(url)
    assert len(web.heads) <= 3


@KINDS
async def test_endless_headers_are_rejected(web: Web, kind: str) -> None:
    web.does("/", large_head)
    async with guarded_client(destinations(kind, web), replace(LIMITS, deadline_s=20.0)) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(url_of(kind, web))


@KINDS
async def test_compressed_body_is_decompressed_completely(web: Web, kind: str) -> None:
    content = bytes(range(256)) * 4_000 + b"\0" * 20_000
    web.says("/", gzip.compress(content), "Content-Encoding: gzip")
    async with guarded_client(destinations(kind, web), LIMITS) as client:
        response = await client.get(url_of(kind, web))
    assert response.content == content
    assert "accept-encoding: identity" in web.heads[0].lower()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, deflate", "gzip, br"])
async def test_unrequested_content_encoding_is_rejected(web: Web, encoding: str) -> None:
    url = web.says("/", b"xx", f"Content-Encoding: {encoding}")
    async with Names(*LOCAL).client(ports=None) as client:
        with pytest.raises(UnexpectedEncoding, match=encoding):
            await client.get(url)


async def test_invalid_gzip_is_a_protocol_error(web: Web) -> None:
    url = web.says("/", b"plain", "Content-Encoding: gzip")
    async with Names(*LOCAL).client(ports=None) as client:
        with pytest.raises(httpx2.DecodingError, match="incorrect header"):
            await client.get(url)


@asynccontextmanager
async def persistent_server() -> AsyncIterator[tuple[int, list[int]]]:
    """Run a server with persistent connections; yield its port and the number of requests of each connection."""
    served: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(served)
        served.append(0)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                served[number] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], served
    finally:
        server.close()


async def test_connection_is_reused_only_for_its_origin() -> None:
    async with persistent_server() as (port, served):
        origin = httpx2.URL(f"http://{HOST}:{port}")
        limits = replace(LIMITS, keep_alive_origin=origin)
        transport = GuardedTransport(Names(*LOCAL).public(ports=None), limits)
        async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
            for host in (HOST, HOST, OTHER_HOST, OTHER_HOST, HOST):
                assert (await client.get(f"http://{host}:{port}/")).status_code == 200
        assert served == [3, 1, 1], "another name with the same IP address uses its own connections"
    async with persistent_server() as (port, served):
        async with guarded_client(Names(*LOCAL).public(ports=None), LIMITS) as client:
            for _ in range(2):
                await client.get(f"http://{HOST}:{port}/")
        assert served == [1, 1]


async def test_hosts_listed_by_operator_are_always_allowed(web: Web) -> None:
    web.says("/", b"content")
    url = f"http://127.0.0.1:{web.port}/"
    async with guarded_client(PublicDestinations([f"127.0.0.1:{web.port}"]), LIMITS) as client:
        assert (await client.get(url)).content == b"content"
        with pytest.raises(NotReached, match="its URL is not https"):
            await client.get(f"http://127.0.0.1:{web.port + 1}/")
