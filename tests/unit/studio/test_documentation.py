"""A wheel contains the pages of the documentation compressed, and every client can read them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from studio import documentation
from studio.documentation import Documentation

PAGE = "<!doctype html><title>Guide</title>"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    site = tmp_path.resolve()
    (site / "guide").mkdir()
    (site / "index.html.gz").write_bytes(gzip.compress(PAGE.encode()))
    (site / "guide" / "index.html.gz").write_bytes(gzip.compress(PAGE.encode()))
    (site / "theme.js.gz").write_bytes(gzip.compress(b"1"))
    (site / "logo.svg").write_text("<svg/>", encoding="utf-8")
    (site / "404.html.gz").write_bytes(gzip.compress(b"Nothing here"))
    (site / "script-hashes.json").write_text('{"guide/index.html": ["\'sha256-x\'"]}', encoding="utf-8")
    monkeypatch.setattr(documentation, "SCRIPT_HASHES", site / "script-hashes.json")
    return TestClient(Documentation(site), base_url="http://studio.test")


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_compressed_page_is_read_with_and_without_gzip(client: TestClient, encoding: str) -> None:
    page = client.get("/guide/", headers={"Accept-Encoding": encoding})
    assert (page.status_code, page.text) == (200, PAGE)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers.get("Content-Encoding", "identity") == encoding
    assert "'sha256-x'" in page.headers["Content-Security-Policy"]
    assert page.headers["Vary"] == "Accept-Encoding"


def test_unchanged_page_and_other_files_are_sent_as_before(client: TestClient) -> None:
    first = client.get("/theme.js")
    assert (first.text, first.headers["Content-Type"].partition(";")[0]) == ("1", "text/javascript")
    again = client.get("/theme.js", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/guide", follow_redirects=False).headers["Location"].endswith("/guide/")
    assert client.get("/logo.svg").text == "<svg/>"
    missing = client.get("/nothing")
    assert (missing.status_code, missing.text) == (404, "Nothing here")
    assert "studio.test/docs/" in missing.headers["Content-Security-Policy"]
