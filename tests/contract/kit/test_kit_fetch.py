"""Check downloads of the kit through a proxy: limited in size, complete, and only with HTTP and HTTPS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.contract.kit.conftest import RunKit

CONTENT = b"\x89PNG\r\n\x1a\n content"


class Proxy(BaseHTTPRequestHandler):
    """A proxy that responds for every host."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        status = {"missing": 404, "to-file": 302, "to-good": 302, "loop": 302}.get(name, 200)
        length = {"too-large": 51 * 1024 * 1024, "cut": 500}.get(name, len(CONTENT))
        target = {"to-file": "file:///etc/passwd", "loop": "http://host.example/loop"}
        self.send_response(status)
        self.send_header("Content-Type", "image/png; charset=binary")
        self.send_header("Content-Length", str(length))
        self.send_header("Location", target.get(name, "http://host.example/good"))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(CONTENT)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture
def proxy() -> Iterator[dict[str, str]]:
    """Return the environment variables of the proxy."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield {"http_proxy": url, "https_proxy": url}
        server.shutdown()
        thread.join()


def test_a_url_is_downloaded_through_the_proxy_of_the_sandbox(run_kit: RunKit, proxy: dict[str, str]) -> None:
    ran = run_kit(
        "from puras import load_bytes, load_path\n"
        "print(load_bytes('http://host.example/good'))\n"
        "print(load_bytes({'url': 'http://host.example/to-good'}))\n"
        "print(load_path('http://host.example/good').suffix)\n"
        "print(len(load_bytes('http://host.example/é ü?q=ß')))",
        environment=proxy,
    )
    assert ran.stdout.splitlines() == [repr(CONTENT), repr(CONTENT), ".png", str(len(CONTENT))]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "status 404"),
        ("too-large", "larger than 50 MB"),
        ("cut", "broke before the end"),
        ("loop", "infinite loop"),
        ("to-file", "The download of"),
    ],
)
def test_an_incomplete_download_is_an_input_error(
    run_kit: RunKit, proxy: dict[str, str], name: str, message: str
) -> None:
    ran = run_kit(
        "from puras import load_bytes, InputError\n"
        f"try: load_bytes('http://host.example/{name}')\n"
        "except InputError as error: print(error)",
        environment=proxy,
    )
    assert message in ran.stdout


def test_a_proxy_does_not_allow_private_addresses(run_kit: RunKit, proxy: dict[str, str]) -> None:
    ran = run_kit(
        "from puras import load_bytes, InputError\n"
        "try: print('let through', load_bytes('http://127.0.0.1:9/good'))\n"
        "except InputError as error: print(error)",
        environment={**proxy, "no_proxy": "127.0.0.1"},
    )
    assert "not a public address" in ran.stdout
