"""What can go wrong between a program and its instance.

PurasAPIError          the instance refuses: `status`, `code`, `detail`, `facts`
├── NotSignedIn        401  no key, or not a valid one
├── PaymentRequired    402  the wallet or a budget forbids it
├── NotAllowed         403  the key may not do this
├── NotFound           404  does not exist, or is not yours
├── Conflict           409  contradicts what is there
├── Invalid            422  understood, but wrong: `errors` says where
├── TooMany            429  over a rate, still after the pauses it asked for
├── ServerError        5xx  the instance cannot just now
└── NoAnswer           it cannot be reached, or the connection broke each time
JobError               the job has no result: `job_id`, `status`, `error_code`, `job`
└── JobTimeout         it has not ended yet; it goes on
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from puras.client.shapes import Job


class Problem(NamedTuple):
    """One thing that is wrong, and where."""

    path: str
    """`inputs.size`, or a file of a bundle."""
    message: str
    line: int | None = None
    """1-based, in a file."""


class PurasAPIError(Exception):
    """The instance refuses, with a sentence that says what, which and what next."""

    def __init__(self, detail: str | int, status: int | str | None = None, **facts: Any) -> None:
        """Take the detail and the status in either order, since code written for Puras uses both."""
        if isinstance(detail, int):
            detail, status = "" if status is None else str(status), detail
        code = facts.pop("status_code", None) if status is None else status
        super().__init__(detail)
        self.detail = detail
        self.status = code if isinstance(code, int) else None
        """Of HTTP; None when there was no answer."""
        self.facts: Mapping[str, Any] = facts
        """What the answer says beside its sentence."""

    @property
    def status_code(self) -> int | None:
        """Return `status` under the name that `httpx` uses."""
        return self.status

    @property
    def code(self) -> str:
        """The reason, for programs."""
        return str(self.facts.get("code", "no_answer"))

    @property
    def errors(self) -> list[Problem]:
        """Everything that is wrong, each with its place; empty for other refusals than 422."""
        given = self.facts.get("errors")
        problems = given if isinstance(given, list) else []
        return [
            Problem(str(one.get("path", "")), str(one.get("message", "")), one.get("line"))
            for one in problems
            if isinstance(one, dict)
        ]


class NotSignedIn(PurasAPIError):
    """No key, or not a valid one."""


class PaymentRequired(PurasAPIError):
    """The wallet, a budget or the key's own cap forbids it."""


class NotAllowed(PurasAPIError):
    """The key may not do this."""


class NotFound(PurasAPIError):
    """It does not exist, or is not yours."""


class Conflict(PurasAPIError):
    """It contradicts what is there."""


class Invalid(PurasAPIError):
    """Understood, but wrong; `errors` says where."""


class TooMany(PurasAPIError):
    """Over a rate or a quota, still after the pauses that were asked for."""


class ServerError(PurasAPIError):
    """The instance cannot do it just now."""


class NoAnswer(PurasAPIError):
    """The instance cannot be reached, or the connection broke each time."""


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
        """The reason, for programs."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the error with its job, for process pools."""
        return _unpickled, (type(self), str(self), self.__dict__)

    @classmethod
    def of(cls, job: Job) -> JobError:
        """For a job that has failed or was cancelled."""
        return cls(job, _reason(job))


class JobTimeout(JobError, TimeoutError):
    """The job has not ended within the time that its caller gave it; it goes on."""

    def __init__(self, job: Job, waited_s: float) -> None:
        super().__init__(
            job,
            f"The job {job['id']} is {job['status']} after {waited_s:g} s. It goes on: wait again, or cancel it.",
        )


def _reason(job: Mapping[str, Any]) -> str:
    return f"The job {job.get('id')} {job.get('status')}: {job.get('error') or 'it does not say why'}"


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
    429: TooMany,
}


def refusal(status: int, body: bytes) -> PurasAPIError:
    """The error that an answer tells of."""
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    facts = {str(name): value for name, value in told.items()} if isinstance(told, dict) else {}
    detail = facts.pop("detail", None) or facts.pop("message", None)
    if not isinstance(detail, str):
        detail = f"The instance answered {status}."
    facts.pop("status", None)
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else PurasAPIError)
    return kind(detail, status=status, **{"code": "unknown", **facts})
