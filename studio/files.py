"""Serves the built pages: compressed, cacheable where their names are hashes, each under its own strict policy."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from reflex.utils.precompressed_staticfiles import PrecompressedStaticFiles
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_POLICY: Final = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)
# Styles may be inline because the pages' own style attributes are; scripts may not, whatever they hold.

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_NOTHING: Final = "default-src 'none'"
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


class Pages(PrecompressedStaticFiles):
    """The built pages; a path that a route of the studio matches gets the page that routes in the browser."""

    def __init__(self, folder: Path, script_hashes: Path, *, router: Callable[[str], str | None]) -> None:
        super().__init__(directory=folder, html=True, encodings=("gzip",), router=router)
        self._folder = folder
        hashes: dict[str, list[str]] = json.loads(script_hashes.read_text(encoding="utf-8"))
        hashes["404.html"] = hashes.get("__spa-fallback.html", hashes.get("index.html", []))
        self._policies = {page: _POLICY.format(scripts=" ".join(sources)) for page, sources in hashes.items()}

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file with its headers: policy for pages, lasting cache for names that are hashes."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        name = Path(full_path).relative_to(self._folder).as_posix()
        response.headers.update(_ALWAYS)
        response.headers["Cache-Control"] = _FOREVER if name.startswith("assets/") else _ASK_AGAIN
        response.headers["Content-Security-Policy"] = self._policies.get(name, _NOTHING)
        return response


class Pictures(StaticFiles):
    """The pictures of the documentation, and nothing else of their folder."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where the picture is."""
        return super().lookup_path(path) if path.endswith(".png") else ("", None)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The picture; it is another one after an upgrade."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(_ALWAYS)
        response.headers.update({"Cache-Control": _ASK_AGAIN, "Content-Security-Policy": _NOTHING})
        return response
