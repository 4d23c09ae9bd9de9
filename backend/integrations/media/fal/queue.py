"""The queue of fal.ai: submit a request, poll its status, fetch its result, cancel it."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final, NamedTuple

import httpx2

from backend.core.net.destinations import OPERATOR
from backend.core.net.transport import GuardedTransport, Limits, ResponseTooLarge
from backend.integrations.media.errors import MediaFailed, MediaProviderUnavailable, MediaRefused

_TIMEOUT: Final = httpx2.Timeout(60.0, connect=10.0)
_MAX_RESPONSE_BYTES: Final = 16 << 20
_MAX_ATTEMPTS: Final = 4
_MAX_WAIT_S: Final = 30
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_BUSY: Final = frozenset({429, 502, 503, 504})
_KEY_REJECTED: Final = frozenset({401, 402, 403})
_REQUEST_REJECTED: Final = frozenset({400, 413, 422})


class QueueResponse(NamedTuple):
    """A response of the queue."""

    status: int
    body: Any
    wait_s: float | None
    """The delay before the next request that the response demands."""


class Queue:
    """The queue with the account of an instance; it has no knowledge of models."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url.rstrip("/")
        limits = Limits(max_response_bytes=_MAX_RESPONSE_BYTES, keep_alive_origin=httpx2.URL(self._base_url))
        self._client = httpx2.AsyncClient(
            transport=GuardedTransport(OPERATOR, limits),
            headers={"Authorization": f"Key {key}"},
            timeout=_TIMEOUT,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def order(self, model: str, path: str, body: dict[str, Any]) -> str:
        """Submit a request, and return its ID; retry only if it was certainly not accepted.

        Raises:
            MediaRefused: The model rejects the request.
            MediaProviderUnavailable: The request was not accepted, or this is unknown.
        """
        for attempt in range(_MAX_ATTEMPTS):
            response = await self._request("POST", path, body)
            if response.status not in _BUSY:
                break
            if attempt < _MAX_ATTEMPTS - 1:
                await asyncio.sleep(
                    min(response.wait_s if response.wait_s is not None else 2.0**attempt, _MAX_WAIT_S)
                )
        _raise_for_status(model, response)
        request_id = response.body.get("request_id") if isinstance(response.body, dict) else None
        if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
            raise MediaFailed(model, "its queue returned no request ID.")
        return request_id

    async def status(self, path: str, request_id: str) -> QueueResponse:
        """Return the status of a request.

        Raises:
            MediaProviderUnavailable: The queue does not respond.
        """
        return await self._request("GET", f"{_app(path)}/requests/{request_id}/status")

    async def take(self, model: str, path: str, request_id: str) -> dict[str, Any]:
        """Return the result of a request.

        Raises:
            MediaRefused: The model rejected the request.
            MediaFailed: The model generated nothing.
            MediaProviderUnavailable: The queue does not respond.
        """
        response = await self._request("GET", f"{_app(path)}/requests/{request_id}")
        if response.status >= 500 and response.status not in _BUSY:
            raise MediaFailed(model, f"it was interrupted (status {response.status}).")
        _raise_for_status(model, response)
        if not isinstance(response.body, dict):
            raise MediaFailed(model, "its response cannot be parsed.")
        return response.body

    async def let_go(self, path: str, request_id: str) -> None:
        """Cancel a request.

        Raises:
            MediaProviderUnavailable: The queue does not respond.
        """
        await self._request("PUT", f"{_app(path)}/requests/{request_id}/cancel")

    async def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> QueueResponse:
        try:
            response = await self._client.request(method, f"{self._base_url}/{path}", json=body)
        except ResponseTooLarge:
            raise MediaProviderUnavailable("sent a response that is too large") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise MediaProviderUnavailable(f"does not respond ({type(error).__name__})") from error
        wait = response.headers.get("retry-after", "")
        return QueueResponse(
            response.status_code, _parsed(response.content), float(wait) if wait.isdecimal() else None
        )


def _app(path: str) -> str:
    """Return the app to which a request belongs: the first two parts of a model's path."""
    return "/".join(path.split("/")[:2])


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _raise_for_status(model: str, response: QueueResponse) -> None:
    if response.status in _REQUEST_REJECTED:
        raise MediaRefused(model, error_message(response.body))
    if response.status in _KEY_REJECTED:
        raise MediaProviderUnavailable(
            "rejects the API key of this instance; the operator must check FAL_KEY and the account"
        )
    if response.status in _BUSY:
        raise MediaProviderUnavailable("is overloaded", retry_after_s=int(response.wait_s or 10))
    if response.status >= 300:
        raise MediaProviderUnavailable(f"responded with status {response.status}")


def error_message(body: Any) -> str:
    """Return the error message in a response."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, list):
        messages = [str(one.get("msg", "")) for one in detail if isinstance(one, dict)]
        return "; ".join(filter(None, messages)) or "no reason was given."
    return str(detail) if detail else "no reason was given."
