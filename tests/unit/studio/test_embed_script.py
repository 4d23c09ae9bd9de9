"""The script for pages of other sites: its size, its headers, and how it reads schemas."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from backend.core.release_files import ROOT
from rxconfig import BUN
from studio.browser_scripts import EMBED, SHARED_JOB, BrowserScript
from studio.embed_script import URL_PATH, EmbedScript


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the built script."""
    file = tmp_path_factory.mktemp("script") / "embed.js"
    EMBED.build(file)
    return file


def client_of(script: Path) -> TestClient:
    return TestClient(Starlette(routes=[Route(URL_PATH, EmbedScript(script).respond)]))


@pytest.mark.parametrize("built", [EMBED, SHARED_JOB], ids=["embed", "shared_job"])
def test_script_is_small_and_never_interprets_text_as_markup(built: BrowserScript, tmp_path: Path) -> None:
    file = tmp_path / "built.js"
    built.build(file)
    text = file.read_text(encoding="utf-8")
    assert len(text.encode()) <= built.max_bytes
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert name not in text, name


def test_schemas_become_fields() -> None:
    done = subprocess.run(
        [BUN, "test", "./clients/embed/test"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_of_other_origins_may_load_and_cache_the_script(script: Path) -> None:
    response = client_of(script).get(URL_PATH)
    assert response.content == script.read_bytes()
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "public, max-age=3600"


def test_unchanged_script_is_not_sent_again(script: Path) -> None:
    with client_of(script) as client:
        tag = client.get(URL_PATH).headers["ETag"]
        response = client.get(URL_PATH, headers={"If-None-Match": tag})
        assert (response.status_code, response.content) == (304, b"")
        plain = client.get(URL_PATH, headers={"Accept-Encoding": "identity", "If-None-Match": '"other"'})
        assert (plain.status_code, "Content-Encoding" in plain.headers) == (200, False)


def test_missing_script_says_how_to_build_it(tmp_path: Path) -> None:
    response = client_of(tmp_path / "embed.js").get(URL_PATH)
    assert (response.status_code, "make pages" in response.text) == (503, True)
