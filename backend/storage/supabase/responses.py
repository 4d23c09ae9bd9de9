"""Interpret the error responses of a storage server.

Most versions send HTTP status 400 for each error, and the actual status in the body; newer ones set the status, too.
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

_TRANSIENT: Final = frozenset({408, 423, 425, 429})
_KEY_REJECTED: Final = frozenset({401, 403})
_MAX_RETRY_AFTER_S: Final = 10.0
_MAX_SHOWN: Final = 300


class StorageError(Exception):
    """An error response, with its actual status."""

    def __init__(self, status: int, error: str, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{status} {error}: {message}"[:_MAX_SHOWN])
        self.status = status
        self.error = error
        self.message = message
        self.retry_after_s = retry_after_s

    @property
    def is_missing(self) -> bool:
        """Return whether the object does not exist."""
        # A missing bucket is an error of the configuration.
        return self.status == 404 and "ucket" not in self.message

    @property
    def is_taken(self) -> bool:
        """Return whether the object already exists."""
        return self.status == 409


def is_transient(error: StorageError) -> bool:
    """Return whether a retry may succeed."""
    return error.status >= 500 or error.status in _TRANSIENT


def of_response(response: httpx.Response) -> StorageError:
    """Return the error of a response that has been read completely."""
    try:
        body = json.loads(response.content)
    except ValueError:
        body = None
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    status = _number(fields.get("statusCode")) or response.status_code
    return StorageError(
        status if 400 <= status < 600 else response.status_code,
        str(fields.get("error") or fields.get("code") or response.reason_phrase),
        str(fields.get("message") or ""),
        retry_after_s=min(_MAX_RETRY_AFTER_S, float(_number(response.headers.get("retry-after")) or 0)),
    )


def of_error(error: StorageApiError) -> StorageError:
    """Return the error response that caused an error of the client."""
    cause = error.__cause__
    if isinstance(cause, httpx.HTTPStatusError):
        return of_response(cause.response)
    context = cause.__context__ if cause is not None else None
    # The client keeps the response here if it could not parse the body.
    if isinstance(context, httpx.HTTPStatusError):
        return of_response(context.response)
    return StorageError(_number(error.status) or 500, str(error.code), str(error.message))


def as_puras_error(error: StorageError) -> PurasError:
    """Return the error of the API for an error response that the caller does not handle itself."""
    log.warning("storage request failed", reason=str(error))
    if error.status == 413:
        return StoredFileTooLarge()
    if error.status in _KEY_REJECTED or error.status == 404 or "signature" in error.message.lower():
        return StorageRefusedUs()
    return StorageUnavailable()


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isdecimal() and len(text) < 9 else None
