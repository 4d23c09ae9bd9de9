"""Restrict how a browser may use responses of the API: it may read, show, play or save them, not run or embed them.

Files of a drive, results and bundles contain data of users, and have the same origin as the pages of the studio. A
browser sends the purpose of a request in `Sec-Fetch-Dest`; the API serves no scripts, styles, workers or frames.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from backend.core.errors import NotAllowed

ALLOWED: Final = frozenset({"", "empty", "document", "image", "audio", "video", "track"})
"""`empty` is `fetch()`; `document` is an opened link, which saves a file. The others are shown or played."""


class DestinationRejected(NotAllowed):
    """A browser requested a response of the API as a script, a style, a worker or a frame."""

    code = "destination_rejected"
    message = (
        "The API serves nothing as {destination!r}. Read files with fetch(), show them as image, video or audio, or "
        "save them. Host scripts, styles and pages elsewhere."
    )
    destination: str


def check(scope: Scope) -> None:
    """Reject a request of a browser for something that the API does not serve.

    Browsers without `Sec-Fetch-Dest` are restricted by the policy of the pages and by the content type.

    Raises:
        DestinationRejected: The browser would run, apply or embed the response.
    """
    headers = Headers(scope=scope)
    if is_service_worker(headers):
        raise DestinationRejected("serviceworker")
    destination = headers.get("sec-fetch-dest", "").strip().lower()
    if destination not in ALLOWED:
        raise DestinationRejected(destination[:40])


def is_service_worker(headers: Headers) -> bool:
    """Return whether a browser requests the script of a service worker, which the studio does not have."""
    return headers.get("service-worker", "").strip().lower() == "script"
