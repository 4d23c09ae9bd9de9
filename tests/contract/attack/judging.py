"""What answers have to be like, whoever asks."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import requests
from schemathesis.specs.openapi import checks

from tests.contract.attack.cases import AnyCase

PATIENCE_S = 12.0  # less than a heartbeat takes to come
OF_EVERY_ROUTE = frozenset({405, 408, 429})
"""Statuses that the description tells of once, not at each operation."""
OF_FREE_FORM = ("/v1/drive/files/", "/v1/drive/signed/")
"""Routes that answer with a file as it is, whose type is the file's own; a stream's frames have no schema either."""
LAWS = [
    checks.response_headers_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]
Answer = requests.Response


def answered(http: requests.Session, request: dict[str, Any]) -> Answer:
    """The whole answer, which has to end: a stream of a job that has ended goes on for no time at all."""
    began = time.monotonic()
    answer = http.request(**request, allow_redirects=False, timeout=PATIENCE_S, stream=True)
    body = bytearray()
    for part in answer.iter_content(65_536):
        body += part
        if time.monotonic() - began > PATIENCE_S:
            raise AnswerEndlessError(
                f"{request['method']} {request['url']} {request.get('params')} still goes on"
            )
    answer._content = bytes(body)  # as the library does itself when it reads a body whole
    return answer


class AnswerEndlessError(Exception):
    """An answer that nobody sees the end of."""


def broken(case: AnyCase, answer: Answer) -> Iterable[str]:
    """What no answer to anybody may be."""
    status = answer.status_code
    told = case.operation.definition.raw["responses"]
    if status >= 500 and not (status == 501 and "501" in told):
        yield "an error of the server"
    if str(status) not in told and status not in OF_EVERY_ROUTE:
        yield f"the description does not tell of {status}"
    if status >= 400 and not is_problem(answer):
        yield "an error without its sentence and its code"
    is_free = case.operation.path.startswith(OF_FREE_FORM) or case.operation.path.endswith("/stream")
    try:
        case.validate_response(answer, checks=LAWS[:1] if is_free and status < 400 else LAWS)
    except BaseExceptionGroup as group:
        yield from (f"{type(one).__name__}: {one}" for one in group.exceptions)


def is_problem(answer: Answer) -> bool:
    """Whether it has the form in which the API says what is wrong."""
    try:
        return {"detail", "code"} <= set(answer.json())
    except ValueError:
        return False


def told(answer: Answer, secrets: Iterable[str]) -> list[str]:
    """The secrets that the answer tells and the request did not."""
    request = answer.request
    asked = f"{request.url} {unquote(request.url or '')} {request.body!r} {request.headers}".lower()
    heard = f"{answer.text} {answer.headers}".lower()
    return [secret for secret in secrets if secret.lower() in heard and secret.lower() not in asked]


def shown(answer: Answer) -> str:
    request = answer.request
    return f"{request.method} {request.url} {str(request.body)[:200]} -> {answer.status_code} {answer.text[:300]}"


def is_open(case: AnyCase) -> bool:
    return "security" not in case.operation.definition.raw


def is_no_address(answer: Answer) -> bool:
    """Whether the request was turned away for its address alone, before anybody asked who sends it."""
    return answer.status_code == 400 and "The URL contains a NUL" in answer.text


def report(faults: list[str]) -> str:
    return f"{len(faults)} faults:\n" + "\n".join(faults[:25])
