"""Upload and download files of the drive of a project."""

from __future__ import annotations

import hashlib
import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, Final, NamedTuple
from urllib.parse import quote, urljoin
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

from puras.client.errors import NotFound, PurasAPIError
from puras.client.messages import Body, Readable, Request
from puras.client.transport import Transport

_CHUNK_BYTES: Final = 256 * 1024
_REDIRECTS: Final = frozenset({302, 303, 307})

OnBytes = Callable[[int], None]
"""A function that is called with the number of bytes of each part that was sent or received."""


class Source(NamedTuple):
    """A file to upload."""

    name: str
    size_bytes: int
    sha256: bytes
    open: Callable[[], Readable]

    @classmethod
    def of(cls, content: str | os.PathLike[str] | bytes, name: str | None = None) -> Source:
        """Return the source for a path or for bytes.

        Raises:
            OSError: The file cannot be read.
        """
        if isinstance(content, bytes):
            return cls(
                name or "data", len(content), hashlib.sha256(content).digest(), Body.of(content, "").open
            )
        path = Path(content)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
            size_bytes = file.tell()
        return cls(name or path.name, size_bytes, digest, lambda: path.open("rb"))

    @property
    def own_path(self) -> str:
        """Return the default target path, which is the same for the same content."""
        return f"uploads/{self.sha256.hex()[:16]}/{self.name}"


def upload(transport: Transport, source: Source, path: str | None, on_bytes: OnBytes | None = None) -> str:
    """Upload the file and return its drive path. Without `path`, a file that exists already is not sent again.

    Raises:
        PurasAPIError: The instance rejected the request or did not respond.
    """
    target = path or source.own_path
    if target.endswith("/"):
        target += source.name
    if path is None and _is_there(transport, target, source):
        return target
    digest = b64encode(source.sha256).decode()
    body = counted(Body("application/octet-stream", source.size_bytes, source.open), on_bytes)
    response = transport.ask(
        Request(
            "PUT",
            f"/v1/drive/files/{quote(target)}",
            body=body,
            headers={"Repr-Digest": f"sha-256=:{digest}:"},
        )
    )
    return str(response.json()["drive_path"])


def download(transport: Transport, path: str, to: Path, on_bytes: OnBytes | None = None) -> Path:
    """Download a file of the drive to `to`. An incomplete download leaves no file.

    Raises:
        PurasAPIError: The file does not exist, or the instance did not respond.
    """
    part = to.with_name(f".{to.name}.part")
    failure: Exception | None = None
    try:
        for _ in range(len(transport.pauses_s) + 1):
            try:
                with part.open("wb") as file:
                    _pour(transport, path, file, on_bytes)
            except (HTTPException, ConnectionError, TimeoutError) as error:
                failure = error
                continue
            part.replace(to)
            return to
    finally:
        part.unlink(missing_ok=True)
    raise transport.no_response(failure or HTTPException("the connection broke"))


def counted(body: Body, on_bytes: OnBytes | None) -> Body:
    """Return the body with a function that is called with the number of bytes of each sent part."""
    return body if on_bytes is None else body._replace(open=lambda: _Counted(body.open(), on_bytes))


def with_drive_paths(value: Any, upload_one: Callable[[Source], str]) -> Any:
    """Upload each `Path` and each `bytes` of the inputs, and return the inputs with drive paths instead."""
    if isinstance(value, bytes | os.PathLike):
        return {"drive_path": upload_one(Source.of(value))}
    if isinstance(value, Mapping):
        return {name: with_drive_paths(inner, upload_one) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [with_drive_paths(inner, upload_one) for inner in value]
    return value


class _Counted:
    """A file that reports how many bytes were read."""

    def __init__(self, file: Readable, on_bytes: OnBytes) -> None:
        self._file = file
        self._on_bytes = on_bytes

    def read(self, size: int = -1, /) -> bytes:
        piece = self._file.read(_CHUNK_BYTES if size > 0 else size)
        self._on_bytes(len(piece))
        return piece

    def close(self) -> None:
        self._file.close()


def _is_there(transport: Transport, path: str, source: Source) -> bool:
    try:
        facts = transport.ask(Request("GET", "/v1/drive/facts", query={"path": path})).json()
    except NotFound:
        return False
    return bool(facts.get("sha256") == source.sha256.hex())


def _pour(transport: Transport, path: str, file: IO[bytes], on_bytes: OnBytes | None) -> None:
    request = Request("GET", f"/v1/drive/files/{quote(path)}", headers={"Accept": "*/*"})
    try:
        with closing(transport.open(request)) as opened:
            _copy(opened.response, file, on_bytes)
    except PurasAPIError as rejection:
        if rejection.status not in _REDIRECTS:
            raise
        # The storage sends large files itself. Its signed URL is sufficient, so the API key is not sent to it.
        address = urljoin(transport.base, str(rejection.fields["location"]))
        with urlopen(UrlRequest(address), timeout=transport.timeout_s) as response:  # noqa: S310 - the instance returned this URL
            _copy(response, file, on_bytes)


def _copy(response: HTTPResponse, file: IO[bytes], on_bytes: OnBytes | None) -> None:
    """Write the body of the response into the file.

    Raises:
        HTTPException: The connection broke before the end of the body, or of the headers.
    """
    expected = response.headers.get("Content-Length", "")
    size_bytes = 0
    while piece := response.read(_CHUNK_BYTES):
        size_bytes += file.write(piece)
        if on_bytes is not None:
            on_bytes(len(piece))
    if not response.chunked and str(size_bytes) != expected:
        raise HTTPException("the connection broke before the end of the file")
