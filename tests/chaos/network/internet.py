"""A simulated internet: a name server with false records, web servers on public-looking addresses, and traps."""

from __future__ import annotations

import datetime
import itertools
import os
import socket
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.chaos.network import netlink

NAME_SERVER: Final = "9.9.9.9"
WEB: Final = "93.184.215.14"
WEB_6: Final = "2606:4700:4700::1111"
METADATA: Final = "169.254.169.254"
INTRANET: Final = "10.0.0.5"
SECRET: Final = "the secret of a trap"
BULK_BYTES: Final = 3_000_000

NAMES: Final[dict[str, list[list[str]]]] = {
    "api.example.org": [[WEB]],
    "other.example.org": [[WEB]],
    "six.example.org": [[WEB_6]],
    "inside.example.org": [[INTRANET]],
    "metadata.example.org": [[METADATA]],
    "local.example.org": [["127.0.0.1"]],
    "own.example.org": [["93.184.216.1"]],
    "mixed.example.org": [[WEB, "127.0.0.1"]],
    "mapped.example.org": [["::ffff:10.0.0.5"]],
    "translated.example.org": [["64:ff9b::a00:5"]],
    "rebinding.example.org": [[WEB], ["127.0.0.1"], [INTRANET], [METADATA]],
}
"""The records of each name: one list for each query, the last one for all later queries."""
REDIRECTS: Final = {
    "/to-metadata": f"http://{METADATA}/latest/meta-data/",
    "/to-intranet": f"http://{INTRANET}/",
    "/to-loopback": "http://127.0.0.1:8000/",
    "/to-file": "file:///etc/passwd",
    "/to-other": "http://other.example.org/",
}


def serve(folder: Path, *, six: bool, ready: int) -> None:
    """Add the IP addresses, serve on them, and write one byte to `ready`."""
    netlink.up("lo")
    netlink.add_addresses("in", *(f"{address}/32" for address in (NAME_SERVER, WEB, METADATA, INTRANET)))
    if six:
        netlink.add_addresses("in", f"{WEB_6}/128")
    netlink.up("in")
    netlink.set_default_route("in", six=six)
    _serve_names(folder / "queries")
    web = [(WEB, 80), (WEB, 8443), (INTRANET, 80), (METADATA, 80), *([(WEB_6, 80)] if six else [])]
    for address, port in web:
        _serve_web(address, port, None)
    _serve_web(WEB, 443, _certificate(folder))
    os.write(ready, b"!")


class _Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        address = self.request.getsockname()[0]
        if address in (METADATA, INTRANET):
            self._respond(200, SECRET.encode())
        elif self.path in REDIRECTS:
            self._respond(302, b"", Location=REDIRECTS[self.path])
        elif self.path == "/bulk":
            self._respond(200, b"x" * BULK_BYTES)
        else:
            self._respond(200, f"{self.headers['Host']} {self.path}".encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._respond(200, str(len(body)).encode())

    def _respond(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the library
        """Discard the message."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Ignore the error: the test has clients that disconnect in the middle of a response."""


def _serve_web(address: str, port: int, certificate: Path | None) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = type("Server", (_Server,), {"address_family": family})((address, port), _Pages)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def _serve_names(log: Path) -> None:
    turns = {
        name: itertools.chain(answers[:-1], itertools.repeat(answers[-1])) for name, answers in NAMES.items()
    }
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((NAME_SERVER, 53))

    def respond() -> None:
        current: dict[str, list[str]] = {}
        while True:
            question, sender = server.recvfrom(4096)
            name, kind = _read_question(question)
            with log.open("a", encoding="utf-8") as file:
                file.write(f"{name}\n")
            if name == "silent.example.org":
                continue
            # A resolver queries both address families together: IPv4 first, then IPv6.
            if kind == 1 and name in turns:
                current[name] = next(turns[name])
            server.sendto(_reply(question, kind, current.get(name) or NAMES.get(name, [None])[0]), sender)

    threading.Thread(target=respond, daemon=True).start()


def _read_question(question: bytes) -> tuple[str, int]:
    labels, at = [], 12
    while length := question[at]:
        labels.append(question[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    (kind,) = struct.unpack_from("!H", question, at + 1)
    return ".".join(labels).lower(), kind


def _reply(question: bytes, kind: int, answers: list[str] | None) -> bytes:
    end = question.index(b"\0", 12) + 5
    version = {1: 4, 28: 6}.get(kind)
    addresses = [address for address in map(ip_address, answers or []) if address.version == version]
    flags = 0x8180 if answers is not None else 0x8183  # no such name
    head = question[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
    records = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(address.packed)) + address.packed
        for address in addresses
    )
    return head + question[12:end] + records


def _certificate(folder: Path) -> Path:
    """Create a self-signed certificate for the names of the web servers; return the file with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "example.org")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("*.example.org")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "authority.pem").write_bytes(public)
    (folder / "authority.pem").chmod(0o644)
    file = folder / "server.pem"
    file.write_bytes(public + private)
    return file
