"""Connect a notebook to an instance, with the transport of `puras.Client`."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from puras.client import connecting, forms
from puras.client.errors import PurasAPIError
from puras.client.messages import Body, Request, new_key
from puras.client.streams import EventStream
from puras.client.transport import PAUSES_S, Transport

__all__ = ["Event", "Instance", "connect", "once", "zipped"]

_SILENCE_S = 60.0


class Event(NamedTuple):
    """An event of a job."""

    id: int
    """Number of the event in the job; 0 for a delta of a reply, which is not stored."""
    type: str
    payload: dict[str, Any]


class Instance:
    """An instance and a key of one of its projects."""

    def __init__(self, base: str, key: str, skillpack: str | None = None) -> None:
        self.base = base.rstrip("/")
        self.skillpack = skillpack
        self._transport = Transport(self.base, key, timeout_s=_SILENCE_S, retries=len(PAUSES_S))
        self._project: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return f"<Puras at {self.base}>"

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bool = False,
    ) -> Any:
        """Send a request to the API, and return the parsed response, or its bytes with `raw`.

        A body of bytes is sent unchanged; other bodies are sent as JSON.

        Raises:
            PurasAPIError: The instance rejected the request or did not respond.
        """
        if isinstance(body, bytes):
            body = Body.of(body, "application/octet-stream")
        elif body is not None and not isinstance(body, Body):
            body = Body.json(body)
        response = self._transport.ask(Request(method, path, query or {}, body, headers or {}))
        return response.body if raw else response.json()

    def upload(self, path: str, bundle: bytes, fields: Mapping[str, str]) -> Any:
        """Send a bundle with its fields."""
        return self.ask("POST", path, forms.bundle(bundle, **fields))

    def pack(self, path: str) -> str:
        """Return the route of a path, such as `/drafts`, for the skillpack of this notebook."""
        return f"/v1/skillpacks/{quote(self.skillpack)}{path}" if self.skillpack else f"/v1{path}"

    def stream(self, job_id: str) -> Iterator[Event]:
        """Yield all events of a job from the first one until its end. Continue after a disconnect."""
        with EventStream(self._transport, quote(job_id, safe=""), after=0, deltas=True) as stream:
            for event in stream:
                yield Event(int(event.get("id") or 0), event["type"], event["payload"])

    def project(self) -> dict[str, Any]:
        """Return the project of the key (`id`, `slug`, `name`), and the `label` of the key."""
        if self._project is None:
            me = self.ask("GET", "/v1/me")
            projects = me.get("projects") or [{}]
            self._project = {**projects[0], "label": me.get("label", "")}
        return self._project

    def job_page(self, job_id: str) -> str:
        """Return the URL of the job in the studio."""
        return f"{self.base}/p/{self.project()['slug']}/jobs/{job_id}"


def connect(base: str | None = None, key: str | None = None, skillpack: str | None = None) -> Instance:
    """Return the given instance, otherwise that of PURAS_API_BASE and PURAS_API_KEY, otherwise that of `puras login`.

    Raises:
        PurasAPIError: There is no API key.
    """
    try:
        place = connecting.place(key, base)
    except ValueError as missing:
        raise PurasAPIError(
            f"{missing} In a notebook, run %puras_connect, which asks for the key. A key in a cell would be saved "
            "with the notebook."
        ) from None
    return Instance(place.base, place.key, skillpack or os.environ.get("PURAS_SKILLPACK") or None)


def once() -> dict[str, str]:
    """Return the header with a new idempotency key, so that retries of a request have no second effect."""
    return {"Idempotency-Key": new_key()}


def zipped(files: Mapping[str, str]) -> bytes:
    """Return the bundle of files. The same files result in the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[path], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
