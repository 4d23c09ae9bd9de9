"""A simulated web on this host: an HTTP server with scripted or hostile responses, and host names for it."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from backend.core.net.egress.connector import Connector
from backend.core.net.egress.rules import Rule
from backend.core.net.public_addresses import rejection_reason


class Certified(NamedTuple):
    """The certificate of a server, and the authority that its clients trust."""

    authority: Path
    context: ssl.SSLContext


Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]
HOST = "pages.example.org"
INSIDE = "inside.example.org"
"""A public name that resolves to a private address."""
_ADDRESSES = {HOST: ["127.0.0.1"], INSIDE: ["10.0.0.5"]}


@dataclass
class Web:
    """The server, its pages, and the requests that it received."""

    port: int = 0
    pages: dict[str, Handler] = field(default_factory=dict)
    heads: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)

    def url(self, path: str, host: str = HOST) -> str:
        """Return the URL of a page."""
        return f"http://{host}:{self.port}{path}"

    @property
    def hosts(self) -> list[str]:
        """Return the hosts that a skill lists for access to it."""
        return [f"{HOST}:{self.port}", f"{INSIDE}:{self.port}"]

    @property
    def rule(self) -> Rule:
        """Return the hosts as a rule."""
        return Rule.of(self.hosts)

    @property
    def connector(self) -> Connector:
        """Return a connector that resolves its names, and treats only this host as public."""
        return Connector(
            self._resolve, lambda address: None if address == "127.0.0.1" else rejection_reason(address)
        )

    def says(self, path: str, body: bytes, *headers: str, status: str = "200 OK") -> str:
        """Add a page with this response, and return its URL."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            writer.write(head(*headers, f"Content-Length: {len(body)}", status=status) + body)

        self.pages[path] = answer
        return self.url(path)

    def does(self, path: str, handler: Handler) -> str:
        """Add a page whose response a function sends, and return its URL."""
        self.pages[path] = handler
        return self.url(path)

    @asynccontextmanager
    async def running(self, context: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
        """Serve until the end of the context; with an SSL context, over HTTPS."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head_bytes = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head_bytes.decode("latin-1"))
            path = self.heads[-1].split(" ")[1]
            await self.pages.get(path.partition("?")[0], _missing)(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has disconnected
        finally:
            writer.close()

    async def _resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append(host)
        if host not in _ADDRESSES:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return _ADDRESSES[host]


def head(*headers: str, status: str = "200 OK") -> bytes:
    """Return the head of a response."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]).encode()


async def _missing(writer: asyncio.StreamWriter) -> None:
    writer.write(head("Content-Length: 0", status="404 Not Found"))


async def endless(writer: asyncio.StreamWriter) -> None:
    """Send a response that never ends."""
    writer.write(head("Content-Type: text/plain"))
    while True:
        writer.write(b"word " * 10_000)
        await writer.drain()


async def silent(writer: asyncio.StreamWriter) -> None:
    """Send a part of the response, and then nothing until the client disconnects."""
    writer.write(head("Content-Type: text/html", "Content-Length: 100") + b"<p>")
    await writer.drain()
    await writer.wait_closed()


async def bomb(writer: asyncio.StreamWriter) -> None:
    """Send a gigabyte that is compressed to a megabyte."""
    writer.write(head("Content-Type: text/plain", "Content-Encoding: gzip"))
    writer.write(gzip.compress(b"\x20" * (64 << 20)) * 16)
    await writer.drain()


def certified(folder: Path, *names: str) -> Certified:
    """Create a certificate authority for a test, and a certificate for these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own authority")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority, private = folder / "authority.pem", folder / "key.pem"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return Certified(authority, context)
