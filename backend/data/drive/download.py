"""Send a file of a drive as an HTTP response: whole, in part, or as 304.

Files that jobs wrote are sent as attachments, never as pages of this origin, so that no browser runs them with its
rights. `backend.core.http.destinations` checks before for which purpose a browser requests a file. A browser that does
not report the purpose gets a media type that it neither runs nor applies.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from backend.core.metrics.instruments import DRIVE_BYTES
from backend.data.drive import digests, ranges
from backend.data.drive.ranges import Part, UnsatisfiableRangeError
from backend.storage import Outgoing
from backend.storage.file_errors import FileReplaced, RangeAfterEnd
from backend.storage.mime import HEAD_BYTES, UNKNOWN, sniff

DIRECT_TTL_S = 60
"""How long a URL of the storage itself is valid: long enough to start the download."""
_ACTIVE: Final = {
    "application/wasm": UNKNOWN,
    "application/xml": "text/plain",
    "text/css": "text/plain",
    "text/html": "text/plain",
    "text/javascript": "text/plain",
}
"""Media types that browsers run or apply, and what is sent instead. SVG stays: as an image it runs no scripts."""


@dataclass(frozen=True, slots=True)
class RequestConditions:
    """The headers of a request that decide which part of a file is sent, if any."""

    range: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None
    is_head: bool = False
    is_pinned: bool = False
    """The caller may read only this version of the file: the response is aborted when the file is replaced."""


def conditions_of(request: Request, *, is_pinned: bool = False) -> RequestConditions:
    """Return the conditions of a request for a file."""
    headers = request.headers
    return RequestConditions(
        range=headers.get("range"),
        if_range=headers.get("if-range"),
        if_none_match=headers.get("if-none-match"),
        is_head=request.method == "HEAD",
        is_pinned=is_pinned,
    )


async def respond(
    file: Outgoing,
    conditions: RequestConditions,
    *,
    sha256: str | None = None,
    extra_headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the response with the open file or a part of it; it closes the file after it is sent."""
    try:
        head = b"".join([chunk async for chunk in file.chunks(0, HEAD_BYTES)])
        headers = {**_headers(file, head, sha256), **(extra_headers or {})}
        response = _response(file, conditions, headers)
    except BaseException:
        await file.close()
        raise
    if not isinstance(response, _FileResponse):
        await file.close()
    return response


def _headers(file: Outgoing, head: bytes, sha256: str | None) -> dict[str, str]:
    name = file.entry.path.rpartition("/")[2]
    headers = {
        "Content-Type": _ACTIVE.get(kind := sniff(head, name), kind),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
        "Vary": "Sec-Fetch-Dest",
        "Accept-Ranges": "bytes",
        "ETag": f'"{sha256 or file.entry.version}"',
        "Last-Modified": file.entry.modified_at.strftime("%a, %d %b %Y %H:%M:%S GMT"),
    }
    return headers if sha256 is None else headers | {digests.REPRESENTATION: digests.as_header(sha256)}


def _response(file: Outgoing, conditions: RequestConditions, headers: dict[str, str]) -> Response:
    # Until its hash was known, a file had its version as ETag: a client with that one has this file.
    etags, size_bytes = {headers["ETag"], f'"{file.entry.version}"'}, file.entry.size_bytes
    if _matches(conditions.if_none_match, etags):
        names = ("ETag", "Cache-Control", "Last-Modified")
        return Response(status_code=304, headers={name: headers[name] for name in names})
    try:
        part = ranges.parse(conditions.range, size_bytes) if conditions.if_range in (None, *etags) else None
    except UnsatisfiableRangeError:
        error = RangeAfterEnd(conditions.range or "", size_bytes)
        headers_of_error = {"ETag": headers["ETag"], "Content-Range": f"bytes */{size_bytes}"}
        return JSONResponse(error.as_body(), error.status, headers_of_error)
    if part is None:
        headers["Content-Length"] = str(size_bytes)
        return _FileResponse(file, Part(0, size_bytes), 200, headers, conditions)
    headers["Content-Length"] = str(part.length)
    headers["Content-Range"] = f"bytes {part.start}-{part.start + part.length - 1}/{size_bytes}"
    return _FileResponse(file, part, 206, headers, conditions)


def _matches(if_none_match: str | None, etags: AbstractSet[str]) -> bool:
    if if_none_match is None:
        return False
    known = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return not known.isdisjoint({*etags, "*"})


class _FileResponse(StreamingResponse):
    """Streams a part of an open file, and always closes the file."""

    def __init__(
        self,
        file: Outgoing,
        part: Part,
        status: int,
        headers: Mapping[str, str],
        conditions: RequestConditions,
    ) -> None:
        chunks = _while_unchanged(file, part) if conditions.is_pinned else file.chunks(*part)
        super().__init__(_empty() if conditions.is_head else _counted(chunks), status, headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._file.close()


async def _while_unchanged(file: Outgoing, part: Part) -> AsyncIterator[bytes]:
    """Yield the part while the file has the version that was opened.

    Raises:
        FileReplaced: The file was changed meanwhile.
    """
    await file.pin_version()
    async for chunk in file.chunks(*part):
        if not await file.is_unchanged():
            raise FileReplaced(file.entry.path)
        yield chunk


async def _counted(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        DRIVE_BYTES.labels("out").inc(len(chunk))
        yield chunk


async def _empty() -> AsyncIterator[bytes]:
    return
    yield b""  # makes it a generator
