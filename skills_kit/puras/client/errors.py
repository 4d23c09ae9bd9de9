"""Errors of the client.

PurasAPIError          the server rejected the request: `status`, `code`, `detail`, `fields`
├── NotSignedIn        401  the key is missing or invalid
├── PaymentRequired    402  the wallet, a budget or the cap of the key does not allow it
├── NotAllowed         403  the key does not have the permission
├── NotFound           404  the object does not exist, or belongs to another project
├── Conflict           409  the request contradicts the current state
├── Invalid            422  the values are invalid: `errors` has their paths
├── TooManyRequests            429  a rate limit is exceeded, also after the retries
├── ServerError        5xx  the server fails or is unavailable
└── NoResponse           no response, also after the retries
JobError               the job has no result: `job_id`, `status`, `error_code`, `job`
├── TurnError          the turn of a session has no reply
└── JobTimeout         the job has not ended in time, and continues
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from puras.client.shapes import ChatMessage, Job


class Problem(NamedTuple):
    """One problem and its path."""

    path: str
    """For example `inputs.size`, or a file of a bundle."""
    message: str
    line: int | None = None
    """Line of the file, from 1."""


class PurasAPIError(Exception):
    """The server rejected the request, or did not respond."""

    def __init__(self, detail: str | int, status: int | str | None = None, **fields: Any) -> None:
        """Take the detail and the status in either order, since code written for Puras uses both."""
        if isinstance(detail, int):
            detail, status = "" if status is None else str(status), detail
        code = fields.pop("status_code", None) if status is None else status
        super().__init__(detail)
        self.detail = detail
        self.status = code if isinstance(code, int) else None
        """HTTP status; None without a response."""
        self.fields: Mapping[str, Any] = fields
        """Other fields of the response."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return `fields` under its name before 0.2, until 0.3."""
        warnings.warn("'facts' is now 'fields'.", DeprecationWarning, stacklevel=2)
        return self.fields

    @property
    def status_code(self) -> int | None:
        """Return `status` under the name that `httpx` uses."""
        return self.status

    @property
    def code(self) -> str:
        """Return the error code, for programs."""
        return str(self.fields.get("code", "no_response"))

    @property
    def errors(self) -> list[Problem]:
        """Return every problem of a 422 with its path; empty for other statuses."""
        given = self.fields.get("errors")
        problems = given if isinstance(given, list) else []
        return [
            Problem(str(one.get("path", "")), str(one.get("message", "")), one.get("line"))
            for one in problems
            if isinstance(one, dict)
        ]


class NotSignedIn(PurasAPIError):
    """The key is missing or invalid."""


class PaymentRequired(PurasAPIError):
    """The wallet, a budget or the cap of the key does not allow it."""


class NotAllowed(PurasAPIError):
    """The key does not have the permission."""


class NotFound(PurasAPIError):
    """The object does not exist, or belongs to another project."""


class Conflict(PurasAPIError):
    """The request contradicts the current state."""


class Invalid(PurasAPIError):
    """The values are invalid; `errors` has their paths."""


class TooManyRequests(PurasAPIError):
    """A rate limit or a quota is exceeded, also after the retries."""


class ServerError(PurasAPIError):
    """The server fails or is unavailable."""


class NoResponse(PurasAPIError):
    """No response: the server is unreachable, or every connection broke."""

    def __init__(self, detail: str | int, status: int | str | None = None, **fields: Any) -> None:
        """Take the same arguments as `PurasAPIError`; the code before 0.2 is in the fields until 0.3."""
        super().__init__(detail, status, **{"code": "no_response", "former_code": "no_answer", **fields})


class JobError(Exception):
    """The job has no result."""

    def __init__(
        self,
        job: Job | str,
        message: str | Job = "",
        text: str | None = None,
        *,
        job_id: str | None = None,
        status: str | None = None,
    ) -> None:
        """Take a job and a message in either order, a message alone, or a job ID, a status and a message."""
        if isinstance(job, str) and not isinstance(message, str):
            job, message = message, job
        if not isinstance(job, str):
            known: Mapping[str, Any] = job
        elif text is not None:
            known, message = {"id": job, "status": message}, text
        else:
            known, message = {"id": job_id, "status": status or "failed"}, job
        super().__init__(message or _reason(known))
        self.job = cast("Job", known)
        self.job_id: str | None = known.get("id")
        """None if the error was made without a job."""
        self.status: str = known.get("status", "failed")
        self.error_code = known.get("error_code")
        """The error code, for programs."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error with its job, for process pools."""
        return _unpickled, (type(self), str(self), self.__dict__)

    @classmethod
    def of(cls, job: Job) -> JobError:
        """Return the error of a job that failed or was cancelled."""
        return cls(job, _reason(job))


class TurnError(JobError):
    """The turn of a session failed or was cancelled."""

    def __init__(self, reply: ChatMessage) -> None:
        super().__init__(
            f"The turn {reply['turn']} {reply['status']}: {reply['error']}",
            cast("Job", {"id": reply["job_id"], **reply}),
        )
        self.reply = reply
        """The reply with the text so far."""


class JobTimeout(JobError, TimeoutError):
    """The job has not ended within the given time, and continues."""

    def __init__(self, job: Job, waited_s: float) -> None:
        super().__init__(
            job,
            f"The job {job['id']} is {job['status']} after {waited_s:g} s. It continues. Wait again, or cancel it: "
            f"puras cancel {job['id']}",
        )


def _reason(job: Mapping[str, Any]) -> str:
    return f"The job {job.get('id')} {job.get('status')}: {job.get('error') or 'without an error message'}"


def _unpickled(kind: type[JobError], text: str, values: dict[str, Any]) -> JobError:
    error = kind.__new__(kind, text)
    error.__dict__.update(values)
    return error


_BY_STATUS: dict[int, type[PurasAPIError]] = {
    401: NotSignedIn,
    402: PaymentRequired,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    422: Invalid,
    429: TooManyRequests,
}


def rejection(status: int, body: bytes) -> PurasAPIError:
    """Return the error of a response."""
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    fields = {str(name): value for name, value in content.items()} if isinstance(content, dict) else {}
    detail = fields.pop("detail", None) or fields.pop("message", None)
    if not isinstance(detail, str):
        detail = f"The instance responded with status {status}."
    fields.pop("status", None)
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else PurasAPIError)
    return kind(detail, status=status, **{"code": "unknown", **fields})
