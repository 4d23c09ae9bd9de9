"""Serve the built pages: compressed, cached if their names contain hashes, and with a strict policy for each page."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from reflex.utils.precompressed_staticfiles import PrecompressedStaticFiles
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

ASSETS: Final = "assets/"
"""The folder of the build from which pages load files. No route under it serves files of users."""
_POLICY: Final = (
    "default-src 'none'; script-src {assets} {scripts}; worker-src {assets}; style-src {assets} 'unsafe-inline'; "
    "img-src 'self' blob: data:; media-src 'self' blob:; font-src {assets}; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
)
# Inline styles are allowed because the pages use style attributes. Inline scripts are allowed only by their hash.
# Scripts, workers, styles and fonts are not loaded from 'self', because files of drives have the same origin.
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?", re.IGNORECASE)
"""A host name in the form that a policy accepts."""

ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_NOTHING: Final = "default-src 'none'"
_FOREVER: Final = "public, max-age=31536000, immutable"
REVALIDATE: Final = "no-cache"


class Pages(PrecompressedStaticFiles):
    """The built pages; a path that matches a route of the studio returns the page with the router of the browser."""

    def __init__(
        self,
        folder: Path,
        script_hashes: Path,
        *,
        router: Callable[[str], str | None],
        public_url: str = "",
    ) -> None:
        super().__init__(directory=folder, html=True, encodings=("gzip",), router=router)
        self._folder = folder
        hashes: dict[str, list[str]] = json.loads(script_hashes.read_text(encoding="utf-8"))
        hashes["404.html"] = hashes.get("__spa-fallback.html", hashes.get("index.html", []))
        self._scripts = {page: " ".join(sources) for page, sources in hashes.items()}
        self._public_host = urlsplit(public_url).netloc

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file with its headers: a policy for pages, and a long cache lifetime for names with hashes."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        name = Path(full_path).relative_to(self._folder).as_posix()
        response.headers.update(ALWAYS)
        response.headers["Cache-Control"] = _FOREVER if name.startswith(ASSETS) else REVALIDATE
        response.headers["Content-Security-Policy"] = self._policy(name, Headers(scope=scope).get("host", ""))
        return response

    def _policy(self, name: str, host: str) -> str:
        scripts = self._scripts.get(name)
        if scripts is None:
            return _NOTHING
        return _POLICY.format(scripts=scripts, assets=sources_in(ASSETS, host, self._public_host))


def sources_in(folder: str, host: str, public_host: str) -> str:
    """Return the sources of a policy that name one folder, at the host of the request and at the public one.

    A policy can limit a host to a folder, but it cannot limit 'self'. It cannot name an IPv6 address: pages that are
    opened at one fall back to 'self', where only the checks of the API prevent that files of drives run as scripts.
    The public host is included because a proxy may forward a host name that differs from the one in the browser.
    """
    if not _HOST.fullmatch(host):
        return "'self'"
    named = dict.fromkeys((host, public_host) if _HOST.fullmatch(public_host) else (host,))
    return " ".join(f"{one}/{folder}" for one in named)
