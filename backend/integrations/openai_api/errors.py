"""Errors of the routes for the SDKs of OpenAI, and the format of all errors below `/v1/openai/`.

Invalid                     422, sent as 400
├── UnsupportedParameter    the request uses a parameter or a form of message that skills do not support
└── ResponseFormatMismatch  the skill does not promise results in the requested format
Missing
└── UnknownModel            404  the caller can run no such skill
PurasError
├── ModelJobFailed          422  the job failed
├── ModelJobCancelled       499  the job was canceled
└── ModelJobTimeout         504  the job did not end while the request waited
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from uuid import UUID

from backend.core.errors import Invalid, Missing, Problem, PurasError, field
from backend.core.http import exception_handlers
from backend.execution.jobs.schemas import JobRead

PREFIX: Final = "/v1/openai/"
CLIENT_CLOSED_REQUEST: Final = 499
_OUT_OF_MONEY: Final = frozenset({"budget_reached", "key_cap_reached", "wallet_too_small", "wallet_empty"})
"""Error codes of jobs that could not start for lack of money."""


class UnsupportedParameter(Invalid):
    """The request uses something that skills do not support."""

    code = "unsupported_parameter"

    def __init__(self, parameter: str, why: str) -> None:
        super().__init__(f"{parameter}: {why}", [Problem(parameter, why)])


class ResponseFormatMismatch(Invalid):
    """The skill does not promise results in the requested format."""

    code = "response_format_mismatch"

    def __init__(self, parameter: str, why: str) -> None:
        super().__init__(
            f"{parameter}: The output_schema of the skill does not promise this format: {why} Use the schema that "
            "GET /v1/skills/{name} returns as output_schema.",
            [Problem(parameter, why)],
        )


class UnknownModel(Missing):
    """The caller can run no skill of this name."""

    code = "model_not_found"
    message = (
        "There is no skill {model!r} that this key can run. GET /v1/openai/models lists those that it can."
    )
    model: str = field(max_length=200)


class ModelJobFailed(PurasError):
    """The job of a request in the format of OpenAI failed."""

    status = 422
    code = "job_failed"
    message = "{reason}"
    job_id: UUID
    job_error_code: str
    reason: str = field(in_body=False)


class ModelJobCancelled(PurasError):
    """The job of a request in the format of OpenAI was canceled."""

    status = CLIENT_CLOSED_REQUEST
    code = "job_cancelled"
    message = "The job {job_id} was canceled."
    job_id: UUID


class ModelJobTimeout(PurasError):
    """The job of a request in the format of OpenAI did not end in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    code = "job_wait_timeout"
    message = (
        "The job {job_id} did not end within {seconds:g} s{outcome}. Stream the response, or submit the job with POST "
        "/v1/jobs and read its result later."
    )
    job_id: UUID
    seconds: float
    outcome: str = field(in_body=False)


def error_of(job: JobRead) -> PurasError | None:
    """Return the error of a job that has ended without success."""
    if job.status == "cancelled":
        return ModelJobCancelled(job.id)
    if job.status == "failed":
        return ModelJobFailed(job.id, job.error_code or "error", job.error or "The job failed.")
    return None


class _Kind(NamedTuple):
    """How an error is sent."""

    status: int
    type: str
    code: str | None = None
    """None: the code of the error."""


_KINDS: Final[Mapping[int, _Kind]] = {
    400: _Kind(400, "invalid_request_error"),
    401: _Kind(401, "authentication_error", "invalid_api_key"),
    402: _Kind(429, "insufficient_quota", "insufficient_quota"),
    403: _Kind(403, "permission_error"),
    404: _Kind(404, "invalid_request_error"),
    422: _Kind(400, "invalid_request_error"),
    429: _Kind(429, "rate_limit_error", "rate_limit_exceeded"),
}
_REPLACED: Final = frozenset(
    {"type", "title", "status", "detail", "instance", "code", "errors", "job_error_code"}
)
"""Fields of an error that the format of OpenAI has in another form."""
_UNKNOWN_MODEL: Final = frozenset(
    {"skill_not_found", "skillpack_not_found", "nothing_active", "subskill_not_submittable"}
)


def as_openai(status: int, body: Mapping[str, Any]) -> exception_handlers.Formatted:
    """Return an error in the format of OpenAI: status, body, and headers for the SDKs."""
    puras_code = str(body.get("code", ""))
    kind = _kind_of(status, body)
    error: dict[str, Any] = {
        "message": body.get("detail", ""),
        "type": kind.type,
        "param": _param(body),
        "code": kind.code or puras_code,
        "puras_code": puras_code,
    }
    error |= {name: value for name, value in body.items() if name not in _REPLACED}
    # A repeated request would be another job, or needs credit first.
    is_final = puras_code in _JOB_CODES or kind.type == "insufficient_quota" or status == HTTPStatus.CONFLICT
    return exception_handlers.Formatted(
        kind.status, {"error": error}, {"x-should-retry": "false"} if is_final else {}
    )


_JOB_CODES: Final = frozenset({ModelJobFailed.code, ModelJobCancelled.code, ModelJobTimeout.code})


def _kind_of(status: int, body: Mapping[str, Any]) -> _Kind:
    puras_code = str(body.get("code", ""))
    if puras_code == ModelJobFailed.code:
        job_code = str(body.get("job_error_code", ""))
        return _KINDS[402] if job_code in _OUT_OF_MONEY else _Kind(status, "job_error", job_code)
    if puras_code in _JOB_CODES:
        return _Kind(status, "job_error")
    if puras_code in _UNKNOWN_MODEL:
        return _Kind(404, "invalid_request_error", "model_not_found")
    return _KINDS.get(status, _Kind(status, "server_error" if status >= 500 else "invalid_request_error"))


def _param(body: Mapping[str, Any]) -> str | None:
    problems = body.get("errors")
    if problems:
        return str(problems[0]["path"])
    return "model" if body.get("code") in _UNKNOWN_MODEL else None


exception_handlers.format_errors(PREFIX, as_openai)
