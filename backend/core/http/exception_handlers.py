"""Convert errors to responses of the API: `{"detail", "code", …fields}` with their headers.

Routes that follow the protocol of another API can use its format instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow
from sqlalchemy import exc as database_errors
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope
from structlog.contextvars import get_contextvars

from backend.core import logs
from backend.core.db import connections
from backend.core.errors import (
    Conflict,
    Invalid,
    Malformed,
    NotSignedIn,
    Problem,
    PurasError,
    Unavailable,
    Unsupported,
)

log = logs.get(__name__)

ServersUnavailable: Final = (*connections.DatabaseUnavailable, RedisAway, RedisSlow)
"""Errors that are raised when PostgreSQL or Redis is unavailable or too slow."""

MAX_PROBLEMS: Final = 100
"""Maximum problems in a response; a body of 8 MiB can have 800,000."""
_CODES: Final = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported",
}
KNOWN: Final = (
    PurasError,
    RequestValidationError,
    HTTPException,
    database_errors.SQLAlchemyError,
    *ServersUnavailable,
)
"""Errors that have a response of their own."""


class Formatted(NamedTuple):
    """An error in the format of another API."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


_NOT_STORED: Final = {"Cache-Control": "no-store"}

ErrorFormat = Callable[[int, Mapping[str, Any]], Formatted]
"""Converts the status and the body of an error."""
_formats: dict[str, ErrorFormat] = {}
"""Formats of other APIs, by the start of the paths that use them."""
_sign_in_forms: list[str] = []
"""The path of the sign-in form, if the instance has one."""


def format_errors(prefix: str, error_format: ErrorFormat) -> None:
    """Use another format for the errors of all paths that start with the prefix, whichever layer raises them."""
    _formats[prefix] = error_format


def offer_sign_in(path: str) -> None:
    """Redirect users who open a URL of the API in a browser without a session to this form, which returns there."""
    _sign_in_forms[:] = [path]


def formatted(status: int, body: dict[str, Any], path: str) -> Formatted:
    """Return the status, the body and the headers of an error in the format of a path."""
    for prefix, error_format in _formats.items():
        if path.startswith(prefix):
            return error_format(status, body)
    return Formatted(status, body, {})


def handlers() -> dict[int | type[Exception], Any]:
    """Return the exception handlers of the application."""
    return dict.fromkeys(KNOWN, _handle)


def response_to(error: Exception, method: str, path: str) -> JSONResponse:
    """Return the response for an error; unexpected errors are logged, and the response has no details of them."""
    if isinstance(error, HTTPException):
        return _of_http(error, method, path)
    known = as_puras_error(error)
    if known is None:
        log.error("request failed unexpectedly", method=method, path=path, exc_info=error)
        known = PurasError("An unexpected error occurred. The operator can find it by the request ID.")
    return _json(known.status, known.as_body(), _headers(known), path)


def to_sign_in(error: Exception, scope: Scope) -> Response | None:
    """Return a redirect to the sign-in form for a user who opened a URL in a browser without a session; else None."""
    if not isinstance(error, NotSignedIn) or not _sign_in_forms or not _is_navigation(scope):
        return None
    query = scope["query_string"].decode("latin-1")
    target = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
    return RedirectResponse(f"{_sign_in_forms[0]}?{urlencode({'next': target})}", 303, _NOT_STORED)


async def _handle(request: Request, error: Exception) -> Response:
    if (redirect := to_sign_in(error, request.scope)) is not None:
        return redirect
    if isinstance(error, RequestValidationError) and _is_not_json(request, error):
        kind = request.headers.get("content-type") or "nothing"
        error = Unsupported(
            f"The body must be JSON: send the header 'Content-Type: application/json' instead of {kind!r}."
        )
    return response_to(error, request.method, request.url.path)


def _is_navigation(scope: Scope) -> bool:
    """Return whether a user opens the URL in a browser: programs and scripts of pages do not send these headers."""
    headers = Headers(scope=scope)
    return (
        scope["method"] == "GET"
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and "authorization" not in headers
    )


def _is_not_json(request: Request, error: RequestValidationError) -> bool:
    """Return whether the body was not parsed because its Content-Type is not JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    return not is_json and any(one["loc"] == ("body",) and one["input"] is not None for one in error.errors())


def as_puras_error(error: Exception) -> PurasError | None:
    """Return the error of the API for a known error; `None` for an unexpected one."""
    if isinstance(error, PurasError):
        return error
    if isinstance(error, RequestValidationError):
        return _of_validation(error)
    if isinstance(error, ServersUnavailable):
        log.warning("database or redis unavailable", error=type(error).__name__)
        return Unavailable("The database or the queue does not respond. No data was lost; retry the request.")
    if isinstance(error, database_errors.DataError):
        log.warning("database rejected a value", error=type(error.orig).__name__)
        return Invalid(
            "One of the values cannot be stored: a number is too large, or a text contains an invalid character."
        )
    if isinstance(error, database_errors.IntegrityError):
        log.warning("database rejected a conflicting change", error=type(error.orig).__name__)
        return Conflict("The request conflicts with a concurrent change. Read the current state and retry.")
    return None


def _of_validation(error: RequestValidationError) -> PurasError:
    found = error.errors()
    for one in found:
        if one["type"] == "json_invalid":
            reason = one.get("ctx", {}).get("error", "it cannot be parsed")
            return Malformed(f"The body is not JSON: {reason} at character {one['loc'][-1]}.")
    problems = [Problem(_path(one["loc"]), _problem_message(one)) for one in found[:MAX_PROBLEMS]]
    first = problems[0]
    more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
    return Invalid(f"{first.path}: {first.message}{more}", problems)


def _path(loc: tuple[int | str, ...]) -> str:
    """Return `("body", "items", 0, "name")` as `items[0].name`; other locations keep their prefix: `query.limit`."""
    location, *rest = loc
    steps = rest if location == "body" else [location, *rest]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return path.lstrip(".") or str(location)


def _problem_message(one: Mapping[str, Any]) -> str:
    if one["type"] == "missing":
        return "The field is required."
    if one["type"] == "extra_forbidden":
        return "The field is unknown. Check its spelling, or remove it."
    if one["type"] == "uuid_parsing":
        return f"{str(one['input'])[:60]!r} is not a UUID."
    # Pydantic counts the items of a text that another validator has checked before.
    if one["type"] == "too_long" and isinstance(one["input"], str):
        return f"The text has {len(one['input']):,} characters; at most {one['ctx']['max_length']:,} are allowed."
    if one["type"] == "too_short" and isinstance(one["input"], str):
        return f"The text has {len(one['input']):,} characters; at least {one['ctx']['min_length']:,} are required."
    message: str = one["msg"]
    if "Expected UploadFile" in message:
        return "The field is a file: send it as a part of the form with a file name."
    return message.removeprefix("Value error, ").rstrip(".") + "."


def _of_http(error: HTTPException, method: str, path: str) -> JSONResponse:
    status = error.status_code
    detail = {
        404: f"The route {method} {path} does not exist. GET /openapi.json lists every route.",
        405: f"{path} does not support {method}.",
        413: "The body is larger than the limit of this route.",
    }.get(status, f"{error.detail or HTTPStatus(status).phrase}.")
    code = _CODES.get(status, HTTPStatus(status).phrase.lower().replace(" ", "_"))
    return _json(status, {"detail": detail, "code": code}, error.headers, path)


def _json(status: int, body: dict[str, Any], headers: Mapping[str, str] | None, path: str) -> JSONResponse:
    request_id = get_contextvars().get("request_id")
    named = {"request_id": request_id} if request_id else {}
    sent = formatted(status, {**body, **named}, path)
    return JSONResponse(
        jsonable_encoder(sent.body), status_code=sent.status, headers={**(headers or {}), **sent.headers}
    )


def _headers(error: PurasError) -> dict[str, str]:
    retry_after_s = error.fields.get("retry_after_s")
    if retry_after_s is not None:
        return {"Retry-After": str(retry_after_s)}
    return {"WWW-Authenticate": "Bearer"} if error.status == HTTPStatus.UNAUTHORIZED else {}
