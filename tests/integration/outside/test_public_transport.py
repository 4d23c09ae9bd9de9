"""The transport for URLs that tenants name: its ports, its redirects, and which address it connects to."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from backend.core.net.public_addresses import obstacle_to
from backend.core.net.public_transport import NotReached, PublicTransport
from tests.doubles.web import HOST, Web


class Names:
    """A resolver that returns other addresses with each question; of this machine 127.0.0.1 counts as public."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if not self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return list(self.answers.pop(0))

    def client(self, **over: Any) -> httpx.AsyncClient:
        def vet(address: str) -> Any:
            return None if address == "127.0.0.1" else obstacle_to(address)

        transport = PublicTransport(schemes=("http",), resolve=self.resolve, vet=vet, **over)
        return httpx.AsyncClient(transport=transport, follow_redirects=True, trust_env=False)


async def test_only_the_ports_of_the_web_are_called_unless_others_are_named(web: Web) -> None:
    url = web.says("/", b"content")
    names = Names(["127.0.0.1"], ["127.0.0.1"])
    async with names.client() as client:
        with pytest.raises(NotReached, match=f"its port {web.port} is none of 80, 443"):
            await client.get(url)
    assert (names.asked, web.heads) == ([], []), "not even its name is looked up"
    for ports in ({web.port}, None):
        async with names.client(ports=ports) as client:
            assert (await client.get(url)).content == b"content"


async def test_a_redirect_to_another_port_is_not_followed(web: Web) -> None:
    url = web.says("/", b"", f"Location: http://{HOST}:{web.port + 1}/", status="302 Found")
    async with Names(["127.0.0.1"], ["127.0.0.1"]).client(ports={web.port}) as client:
        with pytest.raises(NotReached, match=f"its port {web.port + 1}"):
            await client.get(url)


async def test_a_relative_redirect_stays_at_the_name_and_is_resolved_and_checked_again(web: Web) -> None:
    url = web.says("/", b"", "Location: /next", status="302 Found")
    web.says("/next", b"content")
    names = Names(["127.0.0.1"], ["127.0.0.1"])
    async with names.client(ports=None) as client:
        answer = await client.get(url)
    assert (answer.content, str(answer.url)) == (b"content", web.url("/next"))
    assert [line.split("\r\n")[1].lower() for line in web.heads] == [f"host: {HOST}:{web.port}"] * 2
    assert names.asked == [HOST, HOST]


@pytest.mark.parametrize("inside", ["10.0.0.5", "64:ff9b::7f00:1", "::7f00:1", "2606:4700:4700::1111%eth0"])
async def test_a_name_that_leads_inside_the_second_time_is_not_followed(web: Web, inside: str) -> None:
    url = web.says("/", b"", "Location: /next", status="302 Found")
    web.says("/next", b"content")
    async with Names(["127.0.0.1"], [inside]).client(ports=None) as client:
        with pytest.raises(NotReached, match="not at a public address"):
            await client.get(url)
    assert len(web.heads) == 1


async def test_one_address_inside_among_others_rejects_the_name(web: Web) -> None:
    async with Names(["127.0.0.1", "10.0.0.5"]).client(ports=None) as client:
        with pytest.raises(NotReached, match="not at a public address"):
            await client.get(web.says("/", b"content"))
    assert web.heads == []
