"""Requests to any route of an instance, and transfer of drive files: the base of `Client`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from puras.client import connecting, files
from puras.client.messages import Answer, Body, Request
from puras.client.transport import PAUSES_S, Transport
from puras.renamed import renamed_parameters


class Routes:
    """Send requests to an instance with a key."""

    def __init__(
        self,
        api_key: str | None = None,
        skillpack: str | None = None,
        *,
        api_base: str | None = None,
        timeout: float = 120.0,
        retries: int = len(PAUSES_S),
    ) -> None:
        """Set the maximum seconds without data (`timeout`) and the retries after disconnects and 429, 502, 503, 504.

        Raises:
            ValueError: There is no key, or the URL is invalid.
        """
        place = connecting.place(api_key, api_base)
        self.api_base = place.base
        self.skillpack = skillpack
        """ID or slug; None: the default skillpack of the project."""
        self._transport = Transport(place.base, place.key, timeout_s=timeout, retries=retries)

    def upload(
        self, content: str | os.PathLike[str] | bytes, path: str | None = None, *, name: str | None = None
    ) -> str:
        """Upload a local file, or bytes, to the drive of the project, and return its drive path.

        `path` is the target: a file, or a folder with a slash at the end. Without a target, the same content gets the
        same path and is sent only once.

        Raises:
            OSError: The file cannot be read.
        """
        return self.send(files.Source.of(content, name), path)

    @renamed_parameters(told="on_bytes")
    def send(
        self, source: files.Source, path: str | None = None, *, on_bytes: files.OnBytes | None = None
    ) -> str:
        """Upload a source that was opened before, and call `on_bytes` with the number of bytes of each sent part."""
        return files.upload(self._transport, source, path, on_bytes)

    @renamed_parameters(told="on_bytes")
    def download(
        self, drive_path: str, to: str | os.PathLike[str], *, on_bytes: files.OnBytes | None = None
    ) -> Path:
        """Download a file of the drive to a local path, and call `on_bytes` as in `send`.

        An incomplete download leaves no file.

        Raises:
            NotFound: The drive has no such file.
        """
        return files.download(self._transport, drive_path.removeprefix("drive/"), Path(to), on_bytes)

    def with_files(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Upload each `Path` and each `bytes` in the inputs, and return the inputs with `{"drive_path": …}` instead."""
        found: dict[str, Any] = files.with_drive_paths(inputs, self.send)
        return found

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: object = None,
        idempotency_key: str | None = None,
        is_repeatable: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Call any route of the API and return its response.

        A POST is repeated only with an idempotency key, or if `is_repeatable` is set. `headers` are sent in addition to
        those of the client, such as `If-Match`.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        content = body if isinstance(body, Body) else None if body is None else Body.json(body)
        sent = {
            **(headers or {}),
            **({"Idempotency-Key": idempotency_key} if idempotency_key is not None else {}),
        }
        return self._transport.ask(Request(method, path, query or {}, content, sent, is_repeatable)).json()

    def content(self, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        """Return the response of a route that is not JSON, such as a bundle.

        Raises:
            PurasAPIError: The server rejected the request or did not respond.
        """
        return self._transport.ask(Request("GET", path, query or {}, headers={"Accept": "*/*"})).body

    @renamed_parameters(most="max_entries")
    def pages(
        self, path: str, *, query: Mapping[str, Any] | None = None, max_entries: int | None = None
    ) -> Iterator[Any]:
        """Return every entry of a list, page by page, or at most `max_entries` entries."""
        wanted: Mapping[str, Any] | None = query or {}
        given = 0
        while wanted is not None:
            answer = self._transport.ask(Request("GET", path, wanted))
            for entry in answer.json():
                if max_entries is not None and given >= max_entries:
                    return
                given += 1
                yield entry
            wanted = _next(answer)


def _next(answer: Answer) -> Mapping[str, Any] | None:
    address, _, rest = answer.headers.get("link", "").partition(">")
    if 'rel="next"' not in rest:
        return None
    return dict(parse_qsl(urlsplit(address.lstrip("<")).query))
