"""Serve `/fonts/geist.woff2`, the font of the studio for pages outside of its build, such as the sign-in form.

The build names the file with a hash, which these pages do not know.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from studio.files import ALWAYS
from studio.prerender import PAGES

URL_PATH: Final = "/fonts/geist.woff2"
_HEADERS: Final = {
    **ALWAYS,
    "Cache-Control": "public, max-age=86400",
    "Content-Security-Policy": "default-src 'none'",
}


async def respond(_: Request) -> Response:
    """Return the Latin characters of the font; 404 if the build has none."""
    path = _path()
    if path is None:
        return PlainTextResponse("The studio has no font.", 404, _HEADERS)
    return FileResponse(path, headers=_HEADERS, media_type="font/woff2")


@cache
def _path() -> str | None:
    return next((str(one) for one in sorted(PAGES.glob("assets/geist-latin-wght-normal-*.woff2"))), None)
