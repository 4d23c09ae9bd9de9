"""Any route of an instance with a key of it, and the files of its drive: what `Client` stands on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from puras.client import connecting, files
from puras.client.messages import Answer, Body, Request
from puras.client.transport import PAUSES_S, Transport


class Routes:
    """An instance, and a key."""

    def __init__(
        self,
        api_key: str | None = None,
        skillpack: str | None = None,
        *,
        api_base: str | None = None,
        timeout: float = 120.0,
        retries: int = len(PAUSES_S),
    ) -> None:
        """`timeout` is for silence on the line, in seconds; `retries` is for broken lines and a busy instance.

        Raises:
            ValueError: there is no key, or the address is none.
        """
        place = connecting.place(api_key, api_base)
        self.api_base = place.base
        self.skillpack = skillpack
        """Id or slug; None: the project's default one."""
        self._transport = Transport(place.base, place.key, timeout_s=timeout, retries=retries)

    def upload(
        self, content: str | os.PathLike[str] | bytes, path: str | None = None, *, name: str | None = None
    ) -> str:
        """Put a file, by its path here, or bytes, into the project's drive; gives its drive path.

        `path` says where it goes: a file, or a folder with a slash at its end. Without one the same content goes to the
        same place, once.

        Raises:
            OSError: it cannot be read.
        """
        return self.send(files.Source.of(content, name), path)

    def send(self, source: files.Source, path: str | None = None, *, told: files.Told | None = None) -> str:
        """As `upload`, of something that was read before; `told` hears how many bytes more have gone over the line."""
        return files.upload(self._transport, source, path, told)

    def download(
        self, drive_path: str, to: str | os.PathLike[str], *, told: files.Told | None = None
    ) -> Path:
        """Write a file of the drive to a path here, whole or not at all; `told` as in `send`.

        Raises:
            NotFound: there is no such file.
        """
        return files.download(self._transport, drive_path.removeprefix("drive/"), Path(to), told)

    def with_files(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs with each `Path` and each `bytes` uploaded, and named as `{"drive_path": …}`."""
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
    ) -> Any:
        """Any other route of the API: what it answers. A POST is tried again only with a key, or when repeatable.

        Raises:
            PurasAPIError: the instance refuses, or does not answer.
        """
        content = body if isinstance(body, Body) else None if body is None else Body.json(body)
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return self._transport.ask(Request(method, path, query or {}, content, headers, is_repeatable)).json()

    def content(self, path: str, *, query: Mapping[str, Any] | None = None) -> bytes:
        """What a route answers that is not JSON, as a bundle.

        Raises:
            PurasAPIError: the instance refuses, or does not answer.
        """
        return self._transport.ask(Request("GET", path, query or {}, headers={"Accept": "*/*"})).body

    def pages(
        self, path: str, *, query: Mapping[str, Any] | None = None, most: int | None = None
    ) -> Iterator[Any]:
        """Every entry of a list, page by page, or so many of them."""
        wanted: Mapping[str, Any] | None = query or {}
        given = 0
        while wanted is not None:
            answer = self._transport.ask(Request("GET", path, wanted))
            for entry in answer.json():
                if most is not None and given >= most:
                    return
                given += 1
                yield entry
            wanted = _next(answer)


def _next(answer: Answer) -> Mapping[str, Any] | None:
    address, _, rest = answer.headers.get("link", "").partition(">")
    if 'rel="next"' not in rest:
        return None
    return dict(parse_qsl(urlsplit(address.lstrip("<")).query))
