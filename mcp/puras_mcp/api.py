"""Asking the instance: one request, its JSON, or a sentence that says why there is none."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import httpx2

from puras_mcp.errors import Refused, refusal

ASK_S: Final = 70.0
"""Longer than the instance itself makes anybody wait (55 s)."""
PAUSES_S: Final = (0.2, 1.0, 3.0)
"""Before each new try, when a line breaks and asking twice is asking once."""
_REPEATABLE: Final = frozenset({"GET", "PUT", "DELETE"})
_NEXT_PAGE: Final = re.compile(r'<[^>]*[?&]cursor=([^&>]+)[^>]*>;\s*rel="next"')


class Listed(NamedTuple):
    """A page of a list."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class Api:
    """A project of an instance, as the key reaches it."""

    def __init__(self, base: str, key: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._base = base.rstrip("/")
        self._key = key
        self._transport = transport

    async def get(self, path: str, **query: object) -> Any:
        """The JSON at a path.

        Raises:
            Refused: the instance says no, or does not answer.
        """
        return _json(await self._ask("GET", path, query=query))

    async def listed(self, path: str, **query: object) -> Listed:
        """A page of a list, and the cursor of the next one."""
        answer = await self._ask("GET", path, query=query)
        found = _NEXT_PAGE.search(answer.headers.get("link", ""))
        return Listed(_json(answer), unquote(found[1]) if found else None)

    async def send(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        file: bytes | None = None,
        creates: bool = False,
        repeatable: bool = False,
    ) -> Any:
        """The JSON that a change answers with; `file` goes as the form's `bundle`.

        What `creates` is made once, wherever the line breaks: it is sent again under one idempotency key. What is
        `repeatable` is sent again as it is: twice is like once.
        """
        key = f"puras-mcp-{uuid.uuid4()}" if creates else None
        return _json(
            await self._ask(
                method, path, body=body, query=query, form=form, file=file, key=key, repeatable=repeatable
            )
        )

    async def put_bytes(self, path: str, content: bytes) -> Any:
        """Write bytes at a path."""
        return _json(await self._ask("PUT", path, content=content))

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        file: bytes | None = None,
        content: bytes | None = None,
        key: str | None = None,
        repeatable: bool = False,
    ) -> httpx2.Response:
        if not self._key:
            raise refusal(401, {"detail": "There is no API key.", "code": "not_signed_in"})
        headers = {} if content is None else {"Content-Type": "application/octet-stream"}
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = await self._answered(
            repeatable or method in _REPEATABLE or key is not None,
            method=method,
            url=path,
            params={
                name: _spelled(value) for name, value in (query or {}).items() if value not in (None, "")
            },
            json=body,
            data=form,
            files={"bundle": ("bundle.zip", file, "application/zip")} if file is not None else None,
            content=content,
            headers=headers,
        )
        if answer.status_code >= 300:
            raise refusal(answer.status_code, _json_or_none(answer))
        return answer

    async def _answered(self, may_be_repeated: bool, **request: Any) -> httpx2.Response:
        """The answer of the first try that got one."""
        for pause_s in (*(PAUSES_S if may_be_repeated else ()), None):
            try:
                async with self._client() as client:
                    return await client.request(**request)
            except httpx2.HTTPError as error:
                if pause_s is None or isinstance(error, httpx2.TimeoutException):
                    raise Refused(
                        f"The instance at {self._base} does not answer ({type(error).__name__}). "
                        "Is it running (`puras-studio up`)? `show_config` tells which address is asked."
                    ) from error
                await asyncio.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self._base,
            headers={"Authorization": f"Bearer {self._key}", "User-Agent": "puras-mcp"},
            transport=self._transport,
            timeout=ASK_S,
            follow_redirects=False,  # the key is for the address that was named
        )


def segment(value: object) -> str:
    """A value as one segment of a path, so that no name leads to another route."""
    text = str(value)
    if text in ("", ".", "..") or "/" in text:
        raise Refused(f"{text!r} is not a name. Give the id or the name of the thing.")
    return quote(text, safe="")


def segments(path: str) -> str:
    """A path of the drive as segments."""
    return "/".join(segment(part) for part in path.strip("/").split("/"))


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(answer: httpx2.Response) -> Any:
    if answer.status_code == httpx2.codes.NO_CONTENT:
        return None
    found = _json_or_none(answer)
    if found is None:
        raise Refused(
            f"{answer.url.host} answered something that is not JSON: it is no instance of Puras Studio. "
            "Check the address with `show_config`."
        )
    return found


def _json_or_none(answer: httpx2.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
