"""Classify failed calls as retryable or not."""

from __future__ import annotations

import email.utils
import re
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from anthropic import APIConnectionError, APIStatusError

from backend.core.errors import PurasError
from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm.errors import ModelKeyRefused, ModelRefused, PromptTooLong
from workers.llm.streams import BrokenStream
from workers.llm.transport import AddressRefused

_MAX_MESSAGE: Final = 500  # characters of an upstream's message
_KEY_STATUSES: Final = (401, 402, 403)
_NO_TOKEN: Final = (400, 401, 403)
_BUSY_STATUSES: Final = (429, 529)
_RETRIED_STATUSES: Final = frozenset({408, 409, *_BUSY_STATUSES})
_STATUS_OF_TYPE: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "api_error": 500,
    "overloaded_error": 529,
    # Of streams of Bedrock:
    "validationException": 400,
    "modelTimeoutException": 408,
    "throttlingException": 429,
    "internalServerException": 500,
    "modelStreamErrorException": 500,
    "serviceUnavailableException": 503,
}
_TOO_LONG: Final = re.compile(
    r"prompt is too long|context.?(window|length|size)|too many (input )?tokens|maximum number of tokens",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why a call failed."""

    reason: str
    """A message for users, without a name or a key of the upstream."""
    status: int | None = None
    retry_after_s: float | None = None
    final: PurasError | None = None
    """The error for the caller, if a retry cannot help."""

    @property
    def is_busy(self) -> bool:
        """Whether the upstream is overloaded."""
        return self.status in _BUSY_STATUSES


@dataclass(frozen=True, slots=True)
class Rejection:
    """An error that an upstream returns, in any API."""

    status: int
    message: str
    headers: httpx2.Headers


def fault_of(error: Exception, entry: CatalogueEntry, *, is_own_key: bool) -> Fault:
    """Return the classification of an error of a call of the Messages API."""
    if isinstance(error, APIStatusError):
        # An error within a stream has the status of the stream, 200; its type determines it.
        status = error.status_code
        if status < 400:
            status = _STATUS_OF_TYPE.get(str(error.type), 500)
        rejection = Rejection(status, shortened(error.api_message, status), error.response.headers)
        return of_rejection(rejection, entry, is_own_key=is_own_key)
    if isinstance(error, httpx2.HTTPStatusError):  # of the server that issues access tokens
        status = error.response.status_code
        status = 401 if status in _NO_TOKEN else status
        rejection = Rejection(status, "the cloud issues no access token", error.response.headers)
        return of_rejection(rejection, entry, is_own_key=is_own_key)
    return of_connection(error, entry, is_refused=isinstance(error, APIConnectionError))


def of_connection(error: Exception, entry: CatalogueEntry, *, is_refused: bool) -> Fault:
    """Return the classification of an error without a response; `is_refused`: the SDK reports a connection error."""
    if refused := _refused_address(error):
        return _fault("its IP address is not public", final=ModelRefused(entry.slug, refused))
    if isinstance(error, httpx2.TimeoutException | TimeoutError) or "timed out" in str(error):
        return _fault("it did not respond in time")
    if is_refused or isinstance(error, httpx2.ConnectError):
        return _fault("no connection")
    if isinstance(error, BrokenStream):
        return _fault(str(error))
    return _fault("the connection was lost")


def of_rejection(rejection: Rejection, entry: CatalogueEntry, *, is_own_key: bool) -> Fault:
    """Return the classification of an error that the upstream returns."""
    status, headers = rejection.status, rejection.headers
    should_retry = headers.get("x-should-retry")
    if (status in _RETRIED_STATUSES or status >= 500 or should_retry == "true") and should_retry != "false":
        return _fault(f"HTTP {status}", status=status, retry_after_s=_retry_after_s(headers))
    final = _final(status, rejection.message, entry, is_own_key=is_own_key)
    return _fault(f"HTTP {status}", status=status, final=final)


def shortened(message: object, status: int) -> str:
    """Return the message of an upstream in one line, or its status if it has none."""
    return " ".join(message.split())[:_MAX_MESSAGE] if isinstance(message, str) else f"HTTP {status}"


def _final(status: int, message: str, entry: CatalogueEntry, *, is_own_key: bool) -> PurasError:
    if status in _KEY_STATUSES:
        return ModelKeyRefused(entry.slug, status, is_own=is_own_key)
    if status == 413 or (status == 400 and _TOO_LONG.search(message)):
        return PromptTooLong(entry.slug, entry.context_tokens)
    return ModelRefused(entry.slug, message.replace(entry.upstream_id, entry.slug))


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    """Return the requested pause in seconds, from milliseconds, seconds or a date."""
    for name, unit in (("retry-after-ms", 1_000), ("retry-after", 1)):
        try:
            return max(0.0, float(headers[name]) / unit)
        except (KeyError, ValueError):
            continue
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def _refused_address(error: BaseException | None) -> str | None:
    while error is not None:
        if isinstance(error, AddressRefused):
            return str(error)
        error = error.__cause__ or error.__context__
    return None


def _fault(reason: str, *, status: int | None = None, **more: Any) -> Fault:
    return Fault(reason, status=status, **more)
