"""Classify failed calls of APIs of OpenAI as retryable or not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx2
from openai import APIConnectionError, APIError, APIStatusError, OpenAIError

from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm.provider_errors import Fault, Rejection, of_connection, of_rejection, shortened
from workers.llm.streams import BrokenStream

_STATUS_OF_CODE: Final = {
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "insufficient_quota": 402,
    "billing_hard_limit_reached": 402,
    "billing_not_active": 402,
    "invalid_api_key": 401,
    "context_length_exceeded": 413,
    "exceed_context_size_error": 413,
    "string_above_max_length": 413,
    "invalid_prompt": 400,
    "invalid_request_error": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "model_not_found": 404,
    "overloaded_error": 529,
    "engine_overloaded": 529,
    "slow_down": 529,
    "server_error": 500,
}
_DECIDING: Final = frozenset({402, 413})
"""Statuses of codes that are more precise than the status of the response."""
_NO_ROUTE: Final = frozenset({404, 405})


class FailedReply(Exception):
    """The upstream reports within the stream that it cannot complete the reply."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__("the upstream could not complete the reply")
        self.error = error


FAULTS: Final = (
    *(OpenAIError, FailedReply, httpx2.HTTPError, httpx2.StreamError, OSError, BrokenStream),
    *(json.JSONDecodeError, UnicodeDecodeError),  # of an event
)


def fault_of(error: Exception, entry: CatalogueEntry, *, is_own_key: bool) -> Fault:
    """Return the classification of an error of a call."""
    rejection = _rejection(error)
    if rejection is not None:
        return of_rejection(rejection, entry, is_own_key=is_own_key)
    return of_connection(error, entry, is_refused=isinstance(error, APIConnectionError))


def _rejection(error: Exception) -> Rejection | None:
    """Return what the upstream reports, as a response or within a stream; None if there is no response."""
    if isinstance(error, APIStatusError):
        body = body_of(error)
        found = _status_of(body)
        status = found if found in _DECIDING else error.status_code
        return Rejection(status, _message(body, status), error.response.headers)
    if isinstance(error, FailedReply):
        status = _status_of(error.error) or 500
        return Rejection(status, _message(error.error, status), httpx2.Headers())
    if isinstance(error, APIError) and isinstance(error.body, dict):
        status = _status_of(error.body) or 500
        return Rejection(status, _message(error.body, status), httpx2.Headers())
    return None


def body_of(error: APIStatusError) -> Mapping[str, Any]:
    """Return the error in the body of a response, whose form differs between servers; empty: none."""
    body: Any = error.body
    if isinstance(body, list) and body:  # the compatible API of Gemini
        body = body[0]
    if not isinstance(body, dict):
        return {}
    inner = body.get("error", body)
    return inner if isinstance(inner, dict) else {"message": inner}


def _status_of(error: Mapping[str, Any]) -> int | None:
    """Return the status of an error by its code or type; codes of some servers are HTTP statuses."""
    values = [error.get(name) for name in ("code", "type")]
    for value in values:
        if isinstance(value, str) and value in _STATUS_OF_CODE:
            return _STATUS_OF_CODE[value]
    for value in values:
        if str(value).isdigit() and 400 <= int(str(value)) < 600:
            return int(str(value))
    return None


def _message(error: Mapping[str, Any], status: int) -> str:
    message = error.get("message") or error.get("detail")
    if message is None and status in _NO_ROUTE:
        return (
            f"HTTP {status}. The base URL may be wrong: it is the URL before /chat/completions or /responses, "
            "such as https://host/v1."
        )
    return shortened(message, status)
