"""A project's own key is checked with its provider, and the result does not contain the key."""

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
from tests.doubles.openai_api import OpenAIServer
from tests.doubles.serving import serving
from tests.integration.auth.conftest import World

KEY = "sk-own-plainly-visible-0123456789"
CLAUDE = [entry.upstream_id for entry in catalog.current().models.values() if entry.family == "claude"]


def provider() -> Starlette:
    """Return a provider with a model list for the right key, an HTML page, and a redirect to a private address."""

    async def list_models(request: Request) -> Response:
        if f"Bearer {KEY}" != request.headers.get("authorization"):
            return JSONResponse({"error": f"bad key {request.headers}"}, status_code=401)
        return JSONResponse({"data": [{"id": one} for one in CLAUDE]})

    async def page(_: Request) -> Response:
        return Response("<html>Welcome</html>")

    async def redirect(_: Request) -> Response:
        return RedirectResponse("http://127.0.0.1:1/inside")

    return Starlette(
        routes=[
            Route("/v1/models", list_models),
            Route("/page/v1/models", page),
            Route("/onward/v1/models", redirect),
        ]
    )


@pytest.fixture
def url() -> Iterator[str]:
    """Run the provider and return its URL."""
    with serving(provider(), "provider") as url:
        yield url


async def probe(url: str, *, key: str = KEY, path: str = "", is_allowed: bool = True) -> probing.ProbeResult:
    known = catalog.current()
    hosts = frozenset({url.removeprefix("http://")}) if is_allowed else frozenset[str]()
    access = Access(known.endpoints, {}, hosts)
    return await probing.probe("claude", OwnKey(key, url + path), known, access)


async def test_accepted_key_reports_number_of_models(url: str) -> None:
    found = await probe(url)
    assert found == ("ok", f"The key is accepted; {len(CLAUDE)} of {len(CLAUDE)} models are listed.")


async def test_rejected_key_is_reported_without_its_value(url: str) -> None:
    found = await probe(url, key="sk-wrong-0123456789")
    assert (found.verdict, found.found) == (
        "fail",
        "The provider rejects the key (HTTP status 401). Add another key.",
    )


@pytest.mark.parametrize(("path", "status"), [("/page", 200), ("/onward", 307), ("/nothing", 404)])
async def test_other_responses_are_rejected_and_redirects_not_followed(
    url: str, path: str, status: int
) -> None:
    found = await probe(url, path=path)
    assert found.verdict == "warn"
    assert f"HTTP status {status}" in found.found


async def test_private_address_is_not_requested_unless_operator_allows_it(url: str) -> None:
    found = await probe(url, is_allowed=False)
    assert found.verdict == "fail"
    assert "does not respond" in found.found


async def test_server_with_another_api_is_asked_for_its_models() -> None:
    known = catalog.current()
    with OpenAIServer(keys=[KEY]).running() as server:
        server.models = tuple(entry.upstream_id for entry in known.models.values() if entry.family == "gpt")
        access = Access(known.endpoints, {}, frozenset({server.url[len("http://") : -len("/v1")]}))
        accepted = await probing.probe("gpt", OwnKey(KEY, server.url, "chat"), known, access)
        rejected = await probing.probe("gpt", OwnKey("sk-other", server.url, "responses"), known, access)
    assert accepted.verdict == "ok"
    assert rejected.verdict == "fail"
    assert "HTTP status 401" in rejected.found


async def test_route_checks_own_key_and_shows_only_its_prefix(
    client: httpx.AsyncClient, world: World
) -> None:
    headers = await world.key(await world.project("Acme"))
    assert (await client.post("/v1/providers/claude/probe", headers=headers)).status_code == 404
    body = {"api_key": KEY, "base_url": "https://models.example.org"}
    put = await client.put("/v1/providers/claude", json=body, headers=headers)
    assert KEY.startswith(put.json()["key_prefix"])
    assert len(put.json()["key_prefix"]) <= len(KEY) // 4
    response = await client.post("/v1/providers/claude/probe", headers=headers)
    assert (response.status_code, response.json()["verdict"]) == (200, "fail")
    assert KEY not in response.text
    short = await client.put("/v1/providers/claude", json={"api_key": "abc"}, headers=headers)
    assert short.json()["key_prefix"] == ""
