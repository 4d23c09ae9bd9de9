"""A project's own key is tried with its provider, and what it says of it is told without the key."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from backend.integrations.providers import probing
from backend.integrations.providers.access import Access
from backend.integrations.providers.service import OwnKey
from backend.skills.model_catalog import catalog
from tests.doubles.serving import serving
from tests.integration.auth.conftest import World

KEY = "sk-own-plainly-visible-0123456789"
CLAUDE = [entry.upstream_id for entry in catalog.current().models.values() if entry.family == "claude"]


def provider() -> Starlette:
    """One that has a list for who brings the key, a page of something else, and a way on to the inside."""

    async def listed(request: Request) -> Response:
        if f"Bearer {KEY}" != request.headers.get("authorization"):
            return JSONResponse({"error": f"bad key {request.headers}"}, status_code=401)
        return JSONResponse({"data": [{"id": one} for one in CLAUDE]})

    async def page(_: Request) -> Response:
        return Response("<html>Welcome</html>")

    async def onward(_: Request) -> Response:
        return RedirectResponse("http://127.0.0.1:1/inside")

    return Starlette(
        routes=[
            Route("/v1/models", listed),
            Route("/page/v1/models", page),
            Route("/onward/v1/models", onward),
        ]
    )


@pytest.fixture
def url() -> Iterator[str]:
    """Of the provider."""
    with serving(provider(), "provider") as url:
        yield url


async def probed(url: str, *, key: str = KEY, path: str = "", is_allowed: bool = True) -> probing.ProbeResult:
    known = catalog.current()
    hosts = frozenset({url.removeprefix("http://")}) if is_allowed else frozenset[str]()
    access = Access(known.endpoints, {}, hosts)
    return await probing.probe("claude", OwnKey(key, url + path), known, access)


async def test_a_key_that_is_taken_says_how_many_models_it_reaches(url: str) -> None:
    found = await probed(url)
    assert found == ("ok", f"The key is accepted; {len(CLAUDE)} of {len(CLAUDE)} models are listed.")


async def test_a_key_that_is_not_taken_is_a_failure_and_stays_untold(url: str) -> None:
    found = await probed(url, key="sk-wrong-0123456789")
    assert (found.verdict, found.found) == (
        "fail",
        "The provider rejects the key (HTTP status 401). Add another key.",
    )


@pytest.mark.parametrize(("path", "status"), [("/page", 200), ("/onward", 307), ("/nothing", 404)])
async def test_what_is_no_list_is_not_taken_for_one_and_no_redirect_is_followed(
    url: str, path: str, status: int
) -> None:
    found = await probed(url, path=path)
    assert found.verdict == "warn"
    assert f"HTTP status {status}" in found.found


async def test_an_address_of_the_inside_is_not_asked_unless_the_operator_allows_it(url: str) -> None:
    found = await probed(url, is_allowed=False)
    assert found.verdict == "fail"
    assert "does not respond" in found.found


async def test_the_route_tries_the_projects_own_key_and_shows_only_how_it_begins(
    client: httpx.AsyncClient, world: World
) -> None:
    headers = await world.key(await world.project("Acme"))
    assert (await client.post("/v1/providers/claude/probe", headers=headers)).status_code == 404
    body = {"api_key": KEY, "base_url": "https://models.example.org"}
    put = await client.put("/v1/providers/claude", json=body, headers=headers)
    assert KEY.startswith(put.json()["key_begins"])
    assert len(put.json()["key_begins"]) <= len(KEY) // 4
    response = await client.post("/v1/providers/claude/probe", headers=headers)
    assert (response.status_code, response.json()["verdict"]) == (200, "fail")
    assert KEY not in response.text
    short = await client.put("/v1/providers/claude", json={"api_key": "abc"}, headers=headers)
    assert short.json()["key_begins"] == ""
