"""Check that requests of the kit verify the certificate of the instance, and read certificates only if necessary."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.contract.kit.conftest import RunKit
from tests.doubles.web import certified

CALL = "from puras import subagent\nprint(subagent.run('answer', {'n': 1}))\n"
FAILED_CALL = """
from puras import _http, subagent

_http.RETRY_FOR_S = 0.0
try:
    subagent.run("answer")
except subagent.SubagentRunError as error:
    print(error)
"""
WITHOUT_CERTIFICATES = """
import ssl

def reject(*_):
    raise AssertionError("the certificates of the host were read")

ssl.SSLContext.load_default_certs = reject
"""


class Instance(BaseHTTPRequestHandler):
    """An instance whose subjobs have ended."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"job_id": "j", "status": "succeeded", "result": {"n": 2}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@contextmanager
def instance(context: ssl.SSLContext | None = None) -> Iterator[dict[str, str]]:
    """Return the environment variables of a job of an instance."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Instance) as server:
        if context is not None:
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"{'https' if context else 'http'}://localhost:{server.server_port}"
        try:
            yield {"PURAS_API_BASE": base, "PURAS_SERVICE_TOKEN": "token"}
        finally:
            server.shutdown()
            thread.join()


def test_a_request_to_an_http_url_reads_no_certificates(run_kit: RunKit) -> None:
    with instance() as environment:
        ran = run_kit(WITHOUT_CERTIFICATES + CALL, environment=environment)
    assert ran.stdout == "{'n': 2}\n"


def test_the_certificate_of_an_https_url_is_verified(run_kit: RunKit, tmp_path: Path) -> None:
    server = certified(tmp_path, "localhost")
    with instance(server.context) as environment:
        trusted = {**environment, "SSL_CERT_FILE": str(server.authority)}
        assert run_kit(CALL, environment=trusted).stdout == "{'n': 2}\n"
        ran = run_kit(FAILED_CALL, environment=environment)
    assert "certificate verify failed" in ran.stdout


def test_the_certificate_must_have_the_name_of_the_host(run_kit: RunKit, tmp_path: Path) -> None:
    server = certified(tmp_path, "other.example")
    with instance(server.context) as environment:
        trusted = {**environment, "SSL_CERT_FILE": str(server.authority)}
        ran = run_kit(FAILED_CALL, environment=trusted)
    assert "Hostname mismatch" in ran.stdout
