"""Rules that the response to every request of any caller must meet."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import requests
from schemathesis.specs.openapi import checks

from tests.contract.attack.cases import OPENAI, AnyCase

RESPONSE_TIMEOUT_S = 12.0  # shorter than the interval of heartbeats
COMMON_STATUSES = frozenset({405, 408, 429})
"""Statuses that the description documents once, not at each operation."""
UNTYPED_ROUTES = ("/v1/drive/files/", "/v1/drive/signed/")
"""Routes that return a file, whose content type is that of the file; the frames of a stream have no schema either."""
CONFORMANCE_CHECKS = [
    checks.response_headers_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
HttpResponse = requests.Response


def fetch_whole(http: requests.Session, request: dict[str, Any]) -> HttpResponse:
    """Return the whole response, which must end: the stream of a finished job ends immediately."""
    started = time.monotonic()
    response = http.request(**request, allow_redirects=False, timeout=RESPONSE_TIMEOUT_S, stream=True)
    body = bytearray()
    for part in response.iter_content(65_536):
        body += part
        if time.monotonic() - started > RESPONSE_TIMEOUT_S:
            raise EndlessResponseError(
                f"{request['method']} {request['url']} {request.get('params')} does not end"
            )
    response._content = bytes(body)  # the library sets this too when it reads a whole body
    return response


class EndlessResponseError(Exception):
    """The response did not end in time."""


def violations(case: AnyCase, response: HttpResponse) -> Iterable[str]:
    """Yield the errors that no response to any caller may have."""
    status = response.status_code
    documented = case.operation.definition.raw["responses"]
    is_openai = case.operation.path.startswith(OPENAI)
    is_timeout = status == 504 and is_openai  # no worker runs the job
    if status >= 500 and not (status == 501 and "501" in documented) and not is_timeout:
        yield "the server failed"
    if str(status) not in documented and status not in COMMON_STATUSES:
        yield f"the description does not document {status}"
    if status >= 400 and not (is_openai_problem(response) if is_openai else is_problem(response)):
        yield "an error without a message and a code"
    is_free = case.operation.path.startswith(UNTYPED_ROUTES) or case.operation.path.endswith("/stream")
    try:
        case.validate_response(
            response, checks=CONFORMANCE_CHECKS[:1] if is_free and status < 400 else CONFORMANCE_CHECKS
        )
    except BaseExceptionGroup as group:
        yield from (f"{type(one).__name__}: {one}" for one in group.exceptions)


def is_problem(response: HttpResponse) -> bool:
    """Return whether the response has the form of an error of the API."""
    try:
        return {"detail", "code"} <= set(response.json())
    except ValueError:
        return False


def is_openai_problem(response: HttpResponse) -> bool:
    """Return whether the response has the form of an error of OpenAI."""
    try:
        return {"message", "type", "param", "code"} <= set(response.json()["error"])
    except (ValueError, KeyError, TypeError):
        return False


def leaked(response: HttpResponse, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that are in the response but were not in the request."""
    request = response.request
    sent = f"{request.url} {unquote(request.url or '')} {request.body!r} {request.headers}".lower()
    received = f"{response.text} {response.headers}".lower()
    return [secret for secret in secrets if secret.lower() in received and secret.lower() not in sent]


def describe(response: HttpResponse) -> str:
    request = response.request
    return f"{request.method} {request.url} {str(request.body)[:200]} -> {response.status_code} {response.text[:300]}"


def is_open(case: AnyCase) -> bool:
    return "security" not in case.operation.definition.raw


def is_invalid_url(response: HttpResponse) -> bool:
    """Return whether the URL alone was rejected, before authentication."""
    return response.status_code == 400 and "The URL contains a NUL" in response.text


def report(faults: list[str]) -> str:
    return f"{len(faults)} faults:\n" + "\n".join(faults[:25])
