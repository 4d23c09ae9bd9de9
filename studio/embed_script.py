"""Serve `/embed.js`, the script that shows a skill in a page of another site.

Its sources are in `clients/embed`. Everyone may load it: it contains nothing of any project, and the page provides the
key. It is not served under `/v1`, because the API serves no scripts (`backend/core/http/destinations.py`).
"""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from backend.core.release_files import EMBED_SCRIPT
from studio.files import ALWAYS

URL_PATH: Final = "/embed.js"
_HEADERS: Final = {
    **ALWAYS,
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "public, max-age=3600",
    # Pages of other origins load the script, also with `crossorigin`, to check its hash.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    "Content-Security-Policy": "default-src 'none'",
    "Vary": "Accept-Encoding",
}


class _Script(NamedTuple):
    plain: bytes
    compressed: bytes
    tag: str


class EmbedScript:
    """The route of the script, which is read once."""

    def __init__(self, file: Path = EMBED_SCRIPT) -> None:
        self._file = file
        self._script: _Script | None = None

    async def respond(self, request: Request) -> Response:
        """Return the script; 304 if the browser has it."""
        script = self._script or self._read()
        if script is None:
            return PlainTextResponse("The script is not built. Run `make pages`.\n", 503, ALWAYS)
        self._script = script
        headers = {**_HEADERS, "ETag": script.tag}
        if script.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(script.compressed, headers={**headers, "Content-Encoding": "gzip"})
        return Response(script.plain, headers=headers)

    def _read(self) -> _Script | None:
        try:
            plain = self._file.read_bytes()
        except FileNotFoundError:
            return None
        # Weak, because both encodings have it.
        tag = f'W/"{hashlib.sha256(plain).hexdigest()[:32]}"'
        return _Script(plain, gzip.compress(plain, mtime=0), tag)
