"""The queue of fal.ai: order, ask, take, let go."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Final, NamedTuple

import httpx2

from backend.core.net.destinations import OPERATOR
from backend.core.net.transport import GuardedTransport, Limits, ResponseTooLarge
from backend.integrations.media.errors import MediaFailed, MediaProviderUnavailable, MediaRefused

_TIMES: Final = httpx2.Timeout(60.0, connect=10.0)
_MAX_ANSWER_BYTES: Final = 16 << 20
_ORDER_TRIES: Final = 4
_MAX_WAIT_S: Final = 30
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_BUSY: Final = frozenset({429, 502, 503, 504})
_NO_KEY: Final = frozenset({401, 402, 403})
_REFUSED: Final = frozenset({400, 413, 422})


class Answer(NamedTuple):
    """What the queue said."""

    status: int
    body: Any
    wait_s: float | None
    """How long it asks to be left alone."""


class Queue:
    """One instance's account; knows nothing of models."""

    def __init__(self, base_url: str, key: str) -> None:
        self._base_url = base_url.rstrip("/")
        limits = Limits(max_response_bytes=_MAX_ANSWER_BYTES, keep_alive_origin=httpx2.URL(self._base_url))
        self._client = httpx2.AsyncClient(
            transport=GuardedTransport(OPERATOR, limits),
            headers={"Authorization": f"Key {key}"},
            timeout=_TIMES,
            trust_env=False,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def order(self, model: str, path: str, body: dict[str, Any]) -> str:
        """Order something; gives the id of the request. Tried again only where it surely was not taken.

        Raises:
            MediaRefused: it is nothing that the model does.
            MediaProviderUnavailable: it was not taken, or nobody knows.
        """
        for attempt in range(_ORDER_TRIES):
            answer = await self._ask("POST", path, body)
            if answer.status not in _BUSY:
                break
            if attempt < _ORDER_TRIES - 1:
                await asyncio.sleep(
                    min(answer.wait_s if answer.wait_s is not None else 2.0**attempt, _MAX_WAIT_S)
                )
        _refuse(model, answer)
        request_id = answer.body.get("request_id") if isinstance(answer.body, dict) else None
        if not isinstance(request_id, str) or not _REQUEST_ID.fullmatch(request_id):
            raise MediaFailed(model, "its queue gave no request id.")
        return request_id

    async def status(self, path: str, request_id: str) -> Answer:
        """How far it is.

        Raises:
            MediaProviderUnavailable: it does not answer.
        """
        return await self._ask("GET", f"{_app(path)}/requests/{request_id}/status")

    async def take(self, model: str, path: str, request_id: str) -> dict[str, Any]:
        """What was made.

        Raises:
            MediaRefused: the model refused.
            MediaFailed: it made nothing.
            MediaProviderUnavailable: it does not answer.
        """
        answer = await self._ask("GET", f"{_app(path)}/requests/{request_id}")
        if answer.status >= 500 and answer.status not in _BUSY:
            raise MediaFailed(model, f"it broke off ({answer.status}).")
        _refuse(model, answer)
        if not isinstance(answer.body, dict):
            raise MediaFailed(model, "its answer cannot be read.")
        return answer.body

    async def let_go(self, path: str, request_id: str) -> None:
        """Cancel it.

        Raises:
            MediaProviderUnavailable: it does not answer.
        """
        await self._ask("PUT", f"{_app(path)}/requests/{request_id}/cancel")

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Answer:
        try:
            answer = await self._client.request(method, f"{self._base_url}/{path}", json=body)
        except ResponseTooLarge:
            raise MediaProviderUnavailable("says too much") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise MediaProviderUnavailable(f"does not answer ({type(error).__name__})") from error
        wait = answer.headers.get("retry-after", "")
        return Answer(answer.status_code, _parsed(answer.content), float(wait) if wait.isdecimal() else None)


def _app(path: str) -> str:
    """A request belongs to the app, which is the first two parts of a model's path."""
    return "/".join(path.split("/")[:2])


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _refuse(model: str, answer: Answer) -> None:
    if answer.status in _REFUSED:
        raise MediaRefused(model, words_of(answer.body))
    if answer.status in _NO_KEY:
        raise MediaProviderUnavailable(
            "does not take the key of this instance; its operator looks at FAL_KEY and its account"
        )
    if answer.status in _BUSY:
        raise MediaProviderUnavailable("has too much to do", retry_after_s=int(answer.wait_s or 10))
    if answer.status >= 300:
        raise MediaProviderUnavailable(f"answered {answer.status}")


def words_of(body: Any) -> str:
    """What an answer says of what went wrong."""
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, list):
        said = [str(one.get("msg", "")) for one in detail if isinstance(one, dict)]
        return "; ".join(filter(None, said)) or "no reason was given."
    return str(detail) if detail else "no reason was given."
