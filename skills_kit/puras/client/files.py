"""Files between a program and the project's drive."""

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

Told = Callable[[int], None]
"""Is told how many bytes more have gone over the line."""


class Source(NamedTuple):
    """A file to be sent."""

    name: str
    size_bytes: int
    sha256: bytes
    open: Callable[[], Readable]

    @classmethod
    def of(cls, content: str | os.PathLike[str] | bytes, name: str | None = None) -> Source:
        """A file by its path, or bytes.

        Raises:
            OSError: it cannot be read.
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
        """Where it goes when nobody says: the same content always to the same place."""
        return f"uploads/{self.sha256.hex()[:16]}/{self.name}"


def upload(transport: Transport, source: Source, path: str | None, told: Told | None = None) -> str:
    """Put the file into the drive; gives its drive path. What is there already is not sent again.

    Raises:
        PurasAPIError: the instance refuses, or does not answer.
    """
    target = path or source.own_path
    if target.endswith("/"):
        target += source.name
    if path is None and _is_there(transport, target, source):
        return target
    digest = b64encode(source.sha256).decode()
    body = counted(Body("application/octet-stream", source.size_bytes, source.open), told)
    answer = transport.ask(
        Request(
            "PUT",
            f"/v1/drive/files/{quote(target)}",
            body=body,
            headers={"Repr-Digest": f"sha-256=:{digest}:"},
        )
    )
    return str(answer.json()["drive_path"])


def download(transport: Transport, path: str, to: Path, told: Told | None = None) -> Path:
    """Write a file of the drive into `to`, whole or not at all.

    Raises:
        PurasAPIError: there is no such file, or the instance does not answer.
    """
    part = to.with_name(f".{to.name}.part")
    failure: Exception | None = None
    try:
        for _ in range(len(transport.pauses_s) + 1):
            try:
                with part.open("wb") as file:
                    _pour(transport, path, file, told)
            except (HTTPException, ConnectionError, TimeoutError) as error:
                failure = error
                continue
            part.replace(to)
            return to
    finally:
        part.unlink(missing_ok=True)
    raise transport.no_answer(failure or HTTPException("the line broke"))


def counted(body: Body, told: Told | None) -> Body:
    """The body, of which somebody is told how much has gone over the line."""
    return body if told is None else body._replace(open=lambda: _Counted(body.open(), told))


def with_drive_paths(value: Any, upload_one: Callable[[Source], str]) -> Any:
    """The inputs with each `Path` and each `bytes` uploaded, and named as the drive has it."""
    if isinstance(value, bytes | os.PathLike):
        return {"drive_path": upload_one(Source.of(value))}
    if isinstance(value, Mapping):
        return {name: with_drive_paths(inner, upload_one) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [with_drive_paths(inner, upload_one) for inner in value]
    return value


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, file: Readable, told: Told) -> None:
        self._file = file
        self._told = told

    def read(self, size: int = -1, /) -> bytes:
        piece = self._file.read(_CHUNK_BYTES if size > 0 else size)
        self._told(len(piece))
        return piece

    def close(self) -> None:
        self._file.close()


def _is_there(transport: Transport, path: str, source: Source) -> bool:
    try:
        facts = transport.ask(Request("GET", "/v1/drive/facts", query={"path": path})).json()
    except NotFound:
        return False
    return bool(facts.get("sha256") == source.sha256.hex())


def _pour(transport: Transport, path: str, file: IO[bytes], told: Told | None) -> None:
    request = Request("GET", f"/v1/drive/files/{quote(path)}", headers={"Accept": "*/*"})
    try:
        with closing(transport.open(request)) as opened:
            _copy(opened.response, file, told)
    except PurasAPIError as refusal:
        if refusal.status not in _REDIRECTS:
            raise
        # Large files come from the storage itself, whose address says all that it needs: it never sees the key.
        address = urljoin(transport.base, str(refusal.facts["location"]))
        with urlopen(UrlRequest(address), timeout=transport.timeout_s) as response:  # noqa: S310 - as the instance says
            _copy(response, file, told)


def _copy(response: HTTPResponse, file: IO[bytes], told: Told | None) -> None:
    """Write the body into the file.

    Raises:
        HTTPException: the line broke before its end, or before it was said where that is.
    """
    expected = response.headers.get("Content-Length", "")
    size_bytes = 0
    while piece := response.read(_CHUNK_BYTES):
        size_bytes += file.write(piece)
        if told is not None:
            told(len(piece))
    if not response.chunked and str(size_bytes) != expected:
        raise HTTPException("the connection broke within the file")
