"""Serve the documentation, a static site that `backend/docs_site/build.py` builds. It needs no account."""

from __future__ import annotations

import gzip
import json
import mimetypes
import os
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from backend.docs_site import llms_txt
from backend.docs_site.build import SCRIPT_HASHES, URL_PATH
from backend.docs_site.contents import FORMER_NAMES
from studio.files import ALWAYS, REVALIDATE, sources_in

_POLICY: Final = (
    "default-src 'none'; script-src {site} {scripts}; worker-src {site}; style-src {site} 'unsafe-inline'; "
    "img-src {site} data:; font-src {site}; connect-src {site}; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'; object-src 'none'"
)
_COMPRESSED: Final = ".gz"
# No source is 'self', because files of drives have the same origin.
_NOT_BUILT: Final = "The documentation is not built. Run `make pages`, then reload this page.\n"
_NOT_PUBLIC: Final = frozenset({SCRIPT_HASHES.name, "sources.sha256"})


async def to_documentation(_: Request) -> Response:
    """Redirect to the start page of the site, whose links are relative to a folder."""
    return RedirectResponse(f"{URL_PATH}/", 301)


class Documentation(StaticFiles):
    """The files of the site; names of pages before 0.2.0 redirect to the current ones.

    A wheel contains large texts only as `NAME.gz` (`hatch_build.py`).
    """

    def __init__(self, site: Path, *, public_url: str = "") -> None:
        super().__init__(directory=site, html=True, check_dir=False)
        self._site = site
        self._public_host = urlsplit(public_url).netloc
        self._hashes: dict[str, list[str]] | None = None

    async def index_for_models(self, request: Request) -> Response:
        """Return `llms.txt`, which programs expect at the root of a host."""
        return await self.get_response(llms_txt.NAME, request.scope)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, a redirect to it, or the 404 page."""
        if not self.lookup_path("index.html")[0]:
            return PlainTextResponse(_NOT_BUILT, 503)
        if path in _NOT_PUBLIC:
            raise HTTPException(404)
        if current := FORMER_NAMES.get(path.strip("/")):
            return RedirectResponse(f"{URL_PATH}/{current}/", 301)
        response = await super().get_response(path, scope)
        if response.status_code == HTTPStatus.NOT_FOUND:
            return self._not_found(response, scope)
        return response

    def _not_found(self, response: Response, scope: Scope) -> Response:
        """Return the 404 page with the headers of the site, which `StaticFiles` does not add to it."""
        full_path, stat_result = self.lookup_path("404.html")
        if stat_result is None:
            return response
        return self.file_response(full_path, stat_result, scope, HTTPStatus.NOT_FOUND)

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return the path of a file, or of the compressed one in its place."""
        found = super().lookup_path(path)
        return found if found[0] else super().lookup_path(f"{path}{_COMPRESSED}")

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file with the headers of the studio and, for a page, a policy that names its inline scripts."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        name = Path(full_path).relative_to(self._site).as_posix()
        if name.endswith(_COMPRESSED):
            name = name.removesuffix(_COMPRESSED)
            response = _encoded(response, Path(full_path), Headers(scope=scope))
        response.headers.update(ALWAYS)
        response.headers["Cache-Control"] = REVALIDATE
        host = Headers(scope=scope).get("host", "")
        response.headers["Content-Security-Policy"] = _POLICY.format(
            scripts=" ".join(self._scripts(name)),
            site=sources_in(f"{URL_PATH.strip('/')}/", host, self._public_host),
        )
        return response

    def _scripts(self, name: str) -> list[str]:
        if self._hashes is None:
            self._hashes = json.loads(SCRIPT_HASHES.read_text(encoding="utf-8"))
        return self._hashes.get(name, [])


def _encoded(response: Response, file: Path, request: Headers) -> Response:
    """Return the response for a compressed file: as it is to browsers, its text to programs that accept no encoding."""
    response.headers["Vary"] = "Accept-Encoding"
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    kind = mimetypes.guess_type(file.stem)[0] or "application/octet-stream"
    response.headers["Content-Type"] = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    if "gzip" in request.get("accept-encoding", ""):
        response.headers["Content-Encoding"] = "gzip"
        return response
    content = gzip.decompress(file.read_bytes())
    return Response(
        content, response.status_code, {"Vary": "Accept-Encoding"}, response.headers["Content-Type"]
    )
