"""The built pages as they are served: from any origin, with known scripts only, and with caching."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from studio.build_plugin import AnyOrigin
from studio.files import Pages

SCRIPT = 'document.title = "x";'
PAGE = f'<html><script>{SCRIPT}</script><script type="module" src="/assets/app.js"></script></html>'
ENVIRONMENT = 'export default {EVENT:"ws://localhost:8000/_event",PING:"http://localhost:8000/ping"}'


@pytest.fixture
def built(tmp_path: Path) -> Path:
    pages = tmp_path / "client"
    (pages / "assets").mkdir(parents=True)
    (pages / "index.html").write_text(PAGE, encoding="utf-8")
    (pages / "__spa-fallback.html").write_text(PAGE.replace("x", "y"), encoding="utf-8")
    (pages / "404.html").write_text(PAGE.replace("x", "y"), encoding="utf-8")
    (pages / "assets" / "reflex-env-abc.js").write_text(ENVIRONMENT, encoding="utf-8")
    (pages / "assets" / "app.js").write_text("1", encoding="utf-8")
    (pages / "assets" / "app.js.gz").write_bytes(gzip.compress(b"1"))
    return pages


def csp_source(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


@pytest.fixture
def client(built: Path) -> httpx.AsyncClient:
    AnyOrigin().post_build(static_dir=built)
    pages = Pages(
        built,
        built.parent / "script-hashes.json",
        router=lambda path: "job" if path.startswith("/p/") else None,
    )
    return opened(pages)


def opened(pages: Pages) -> httpx.AsyncClient:
    app = Starlette(routes=[Mount("/", app=pages)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://studio")


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    """Return the policy of a response by directive."""
    parts = answer.headers["content-security-policy"].split(";")
    return {name: sources for name, *sources in map(str.split, parts)}


def test_pages_connect_to_the_origin_at_which_they_were_opened(built: Path) -> None:
    AnyOrigin().post_build(static_dir=built)
    script = (built / "assets" / "reflex-env-abc.js").read_text(encoding="utf-8")
    assert "localhost" not in script
    assert "location.origin+'/ping'" in script
    assert "location.origin.replace('http','ws')+'/_event'" in script


def test_a_build_with_an_unknown_environment_is_rejected(built: Path) -> None:
    (built / "assets" / "reflex-env-abc.js").unlink()
    with pytest.raises(RuntimeError, match="different"):
        AnyOrigin().post_build(static_dir=built)


def test_only_inline_scripts_are_hashed(built: Path) -> None:
    AnyOrigin().post_build(static_dir=built)
    hashes = json.loads((built.parent / "script-hashes.json").read_text(encoding="utf-8"))
    assert hashes["index.html"] == [csp_source(SCRIPT)]


async def test_each_page_allows_only_its_own_scripts(client: httpx.AsyncClient) -> None:
    home = await client.get("/")
    routed = await client.get("/p/acme/jobs/1")
    assert csp_source(SCRIPT) in home.headers["content-security-policy"]
    assert csp_source(SCRIPT) not in routed.headers["content-security-policy"]
    for answer in (home, routed):
        assert "'unsafe-eval'" not in answer.headers["content-security-policy"]
        assert "script-src studio/assets/ 'sha256-" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-cache"


RUN_OR_APPLIED = ("script-src", "worker-src", "style-src", "font-src")


@pytest.mark.parametrize("host", ["studio", "studio.example.org", "127.0.0.1:8000", "LOCALHOST:8000"])
async def test_scripts_and_styles_come_only_from_the_folder_of_the_build(
    client: httpx.AsyncClient, host: str
) -> None:
    for path in ("/", "/p/acme/jobs/1", "/nowhere"):
        policy = directives(await client.get(path, headers={"host": host}))
        for name in RUN_OR_APPLIED:
            assert policy[name][0] == f"{host}/assets/"
            assert "'self'" not in policy[name]
        assert "'unsafe-inline'" not in policy["script-src"]
        assert policy["default-src"] == ["'none'"]


async def test_the_policy_names_the_public_host_behind_a_proxy(built: Path) -> None:
    AnyOrigin().post_build(static_dir=built)
    hashes = built.parent / "script-hashes.json"
    pages = Pages(built, hashes, router=lambda _: None, public_url="https://studio.example.org")
    async with opened(pages) as client:
        policy = directives(await client.get("/", headers={"host": "10.1.2.3:8000"}))
    assert policy["script-src"][:2] == ["10.1.2.3:8000/assets/", "studio.example.org/assets/"]


@pytest.mark.parametrize(
    "host", ["[::1]:8000", "a;script-src *", "a *", "*", "*.example.org", "a_b", "a/b", "", "ex\u00e4mple"]
)
async def test_an_invalid_host_is_not_copied_into_the_policy(client: httpx.AsyncClient, host: str) -> None:
    """A host that a policy cannot name falls back to 'self', and is not copied into it."""
    policy = directives(await client.get("/", headers={"host": host.encode()}))
    assert policy["worker-src"] == ["'self'"]
    assert [source for source in policy["script-src"] if "sha256" not in source] == ["'self'"]
    assert policy["style-src"] == ["'self'", "'unsafe-inline'"]


async def test_an_unknown_path_returns_404_with_a_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nowhere")
    assert answer.status_code == 404
    assert "script-src studio/assets/ 'sha256-" in answer.headers["content-security-policy"]


async def test_files_with_a_hash_in_their_name_are_cached_and_compressed(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/assets/app.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text == "1"
