"""Call the REST API of an instance: return the JSON of one request, or raise an error with the reason."""

from __future__ import annotations

import asyncio
import re
import ssl
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import httpx2

from puras_mcp.errors import CallRejected, rejection

TIMEOUT_S: Final = 70.0
"""Longer than the maximum wait of a request (55 s)."""
RETRY_DELAYS_S: Final = (0.2, 1.0, 3.0)
"""Before each retry, if the connection drops and the request can be repeated."""
_REPEATABLE: Final = frozenset({"GET", "PUT", "DELETE"})
_NEXT_PAGE: Final = re.compile(r'<[^>]*[?&]cursor=([^&>]+)[^>]*>;\s*rel="next"')


class ListPage(NamedTuple):
    """A page of a list."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class Api:
    """A project of an instance, with the permissions of the key."""

    def __init__(self, base: str, key: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._base = base.rstrip("/")
        self._key = key
        self._transport = transport

    async def get(self, path: str, **query: object) -> Any:
        """Return the JSON at a path.

        Raises:
            CallRejected: The instance rejects the request or is unavailable.
        """
        return _json(await self._request("GET", path, query=query))

    async def listed(self, path: str, **query: object) -> ListPage:
        """Return a page of a list, and the cursor of the next one."""
        response = await self._request("GET", path, query=query)
        found = _NEXT_PAGE.search(response.headers.get("link", ""))
        return ListPage(_json(response), unquote(found[1]) if found else None)

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
        """Send a change and return the JSON of the response; `file` is sent as `bundle` of a form.

        A request that `creates` something is retried with one idempotency key. A `repeatable` request is retried as it
        is, since repeating it has no further effect.
        """
        key = f"puras-mcp-{uuid.uuid4()}" if creates else None
        return _json(
            await self._request(
                method, path, body=body, query=query, form=form, file=file, key=key, repeatable=repeatable
            )
        )

    async def put_bytes(self, path: str, content: bytes) -> Any:
        """Write bytes at a path."""
        return _json(await self._request("PUT", path, content=content))

    async def _request(
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
            raise rejection(401, {"detail": "There is no API key.", "code": "not_signed_in"})
        headers = {} if content is None else {"Content-Type": "application/octet-stream"}
        if key is not None:
            headers["Idempotency-Key"] = key
        response = await self._send_with_retries(
            repeatable or method in _REPEATABLE or key is not None,
            method=method,
            url=path,
            params={
                name: _query_value(value) for name, value in (query or {}).items() if value not in (None, "")
            },
            json=body,
            data=form,
            files={"bundle": ("bundle.zip", file, "application/zip")} if file is not None else None,
            content=content,
            headers=headers,
        )
        if response.status_code >= 300:
            raise rejection(response.status_code, _json_or_none(response))
        return response

    async def _send_with_retries(self, is_repeatable: bool, **request: Any) -> httpx2.Response:
        """Return the response of the first attempt that gets one."""
        for delay_s in (*(RETRY_DELAYS_S if is_repeatable else ()), None):
            try:
                async with self._client() as client:
                    return await client.request(**request)
            except httpx2.HTTPError as error:
                if delay_s is None or isinstance(error, httpx2.TimeoutException):
                    raise CallRejected(
                        f"The instance at {self._base} does not respond ({type(error).__name__}). "
                        "Check that it is running (`puras-studio up`), and check the URL with `show_config`."
                    ) from error
                await asyncio.sleep(delay_s)
        raise AssertionError("the last attempt returns or raises")

    def _client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self._base,
            headers={"Authorization": f"Bearer {self._key}", "User-Agent": "puras-mcp"},
            transport=self._transport,
            verify=True if self._transport else _trusted_certificates(),  # a transport has its own
            timeout=TIMEOUT_S,
            follow_redirects=False,  # the key must not be sent to another server
        )


@lru_cache(maxsize=1)
def _trusted_certificates() -> ssl.SSLContext:
    return httpx2.create_ssl_context()  # takes longer than most calls, since it reads every certificate


def segment(value: object) -> str:
    """Return a value as one segment of a path, so that no name leads to another route."""
    text = str(value)
    if text in ("", ".", "..") or "/" in text:
        raise CallRejected(f"{text!r} is not a valid ID or name: it is empty, or contains `/` or only dots.")
    return quote(text, safe="")


def segments(path: str) -> str:
    """Return a path of the drive as segments."""
    return "/".join(segment(part) for part in path.strip("/").split("/"))


def _query_value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(response: httpx2.Response) -> Any:
    if response.status_code == httpx2.codes.NO_CONTENT:
        return None
    found = _json_or_none(response)
    if found is None:
        raise CallRejected(
            f"The response of {response.url.host} is not JSON, so it is not an instance of Puras Studio. "
            "Check the URL with `show_config`."
        )
    return found


def _json_or_none(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None
