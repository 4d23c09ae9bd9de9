"""What a browser may use a response of the API for: to read, show, play or save it, never to run or embed it.

Files of a drive, results and bundles hold what users chose, on the same origin as the pages of the studio. A browser
says in `Sec-Fetch-Dest` what a request is for; nothing that the API serves is a script, a style, a worker or a frame.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import Scope

from backend.core.errors import NotAllowed

ALLOWED: Final = frozenset({"", "empty", "document", "image", "audio", "video", "track"})
"""`empty` is `fetch()`; `document` is a link that is opened, which saves a file. The rest is shown or played."""


class DestinationRejected(NotAllowed):
    """A browser asked for a response of the API as a script, a style, a worker or a frame."""

    code = "destination_rejected"
    message = (
        "Nothing under this path is served as {destination!r}: files are read with fetch(), shown as image, video or "
        "audio, or saved. Host scripts, styles and pages elsewhere."
    )
    destination: str


def check(scope: Scope) -> None:
    """Reject a request for something that the API serves to no one.

    Browsers without `Sec-Fetch-Dest` are held by the policy of the pages and by the kind of content.

    Raises:
        DestinationRejected: The response would be run, applied or embedded.
    """
    headers = Headers(scope=scope)
    if is_service_worker(headers):
        raise DestinationRejected("serviceworker")
    destination = headers.get("sec-fetch-dest", "").strip().lower()
    if destination not in ALLOWED:
        raise DestinationRejected(destination[:40])


def is_service_worker(headers: Headers) -> bool:
    """Return whether a browser fetches the script of a service worker, which the studio does not have."""
    return headers.get("service-worker", "").strip().lower() == "script"
