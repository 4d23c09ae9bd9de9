"""The instance that a notebook works with: the transport of `puras.Client`, and the key from outside."""

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
    """Something that a job told."""

    id: int
    """Its number in the job; 0 for a piece of a reply as it streams, which is stored nowhere."""
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
        """What the API answers, parsed unless it is asked for `raw`; a body of bytes goes as it is, others as JSON.

        Raises:
            PurasAPIError: it refuses, with its own sentence, or does not answer.
        """
        if isinstance(body, bytes):
            body = Body.of(body, "application/octet-stream")
        elif body is not None and not isinstance(body, Body):
            body = Body.json(body)
        answer = self._transport.ask(Request(method, path, query or {}, body, headers or {}))
        return answer.body if raw else answer.json()

    def upload(self, path: str, bundle: bytes, fields: Mapping[str, str]) -> Any:
        """Send a bundle, with what is said of it."""
        return self.ask("POST", path, forms.bundle(bundle, **fields))

    def pack(self, path: str) -> str:
        """The route below the skillpack that this notebook works on."""
        return f"/v1/skillpacks/{quote(self.skillpack)}{path}" if self.skillpack else f"/v1{path}"

    def stream(self, job_id: str) -> Iterator[Event]:
        """Every event of a job from its first one on, as they come, until it has ended; a broken stream goes on."""
        with EventStream(self._transport, quote(job_id, safe=""), after=0, deltas=True) as stream:
            for event in stream:
                yield Event(int(event.get("id") or 0), event["type"], event["payload"])

    def project(self) -> dict[str, Any]:
        """The project of the key: its id, slug and name, and the label by which the key is known."""
        if self._project is None:
            me = self.ask("GET", "/v1/me")
            projects = me.get("projects") or [{}]
            self._project = {**projects[0], "label": me.get("label", "")}
        return self._project

    def job_page(self, job_id: str) -> str:
        """Where people look at the job."""
        return f"{self.base}/p/{self.project()['slug']}/jobs/{job_id}"


def connect(base: str | None = None, key: str | None = None, skillpack: str | None = None) -> Instance:
    """The instance that is named here, else by PURAS_API_BASE and PURAS_API_KEY, else by what `puras login` has kept.

    Raises:
        PurasAPIError: there is no key.
    """
    try:
        place = connecting.place(key, base)
    except ValueError as missing:
        raise PurasAPIError(
            f"{missing} In a notebook, %puras_connect asks for it: a key in a cell is saved with the notebook."
        ) from None
    return Instance(place.base, place.key, skillpack or os.environ.get("PURAS_SKILLPACK") or None)


def once() -> dict[str, str]:
    """The header of a request that makes one thing, however often it has to be sent."""
    return {"Idempotency-Key": new_key()}


def zipped(files: Mapping[str, str]) -> bytes:
    """Files as a bundle; the same files are the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[path], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
