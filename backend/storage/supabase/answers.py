"""What a storage server's refusals mean.

Most versions answer every refusal with HTTP 400 and say in the body which one it is; newer ones set the status, too.
"""

from __future__ import annotations

import json
from typing import Any, Final

import httpx
from storage3.exceptions import StorageApiError

from backend.core import logs
from backend.core.errors import PurasError
from backend.storage.errors import StorageRefusedUs, StorageUnavailable, StoredFileTooLarge

log = logs.get(__name__)

_PASSING: Final = frozenset({408, 423, 425, 429})
_OUR_KEY: Final = frozenset({401, 403})
_MAX_RETRY_AFTER_S: Final = 10.0
_MAX_SHOWN: Final = 300


class Answer(Exception):
    """A refusal, with the status that it has in truth."""

    def __init__(self, status: int, error: str, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{status} {error}: {message}"[:_MAX_SHOWN])
        self.status = status
        self.error = error
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def is_missing(self) -> bool:
        """There is no such object."""
        return (
            self.status == 404 and "ucket" not in self.message
        )  # a bucket that is missing is our own trouble

    @property
    def is_taken(self) -> bool:
        """Such an object exists already."""
        return self.status == 409


def is_passing(answer: Answer) -> bool:
    """Whether it may be otherwise in a moment."""
    return answer.status >= 500 or answer.status in _PASSING


def of_response(response: httpx.Response) -> Answer:
    """The refusal that a response, read whole, stands for."""
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    facts: dict[str, Any] = body if isinstance(body, dict) else {}
    status = _number(facts.get("statusCode")) or response.status_code
    return Answer(
        status if 400 <= status < 600 else response.status_code,
        str(facts.get("error") or facts.get("code") or response.reason_phrase),
        str(facts.get("message") or ""),
        retry_after_s=min(_MAX_RETRY_AFTER_S, float(_number(response.headers.get("retry-after")) or 0)),
    )


def of_error(error: StorageApiError) -> Answer:
    """The refusal that an error of the client stands for."""
    cause = error.__cause__
    if isinstance(cause, httpx.HTTPStatusError):
        return of_response(cause.response)
    context = cause.__context__ if cause is not None else None
    if isinstance(context, httpx.HTTPStatusError):  # it could not read the body, and keeps the status below
        return of_response(context.response)
    return Answer(_number(error.status) or 500, str(error.code), str(error.message))


def as_ours(answer: Answer) -> PurasError:
    """The refusal as an error of ours, when nobody asked for something that can be missing or taken."""
    log.warning("the storage refused", reason=str(answer))
    if answer.status == 413:
        return StoredFileTooLarge()
    if answer.status in _OUR_KEY or answer.status == 404 or "signature" in answer.message.lower():
        return StorageRefusedUs()
    return StorageUnavailable()


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 9 else None
