"""The one error type: a sentence for a person, a code for a program, facts for both.

REST answers `{"detail", "code", …facts}`; the studio, the CLI and MCP show the same sentence.
Each noun keeps its own errors in `<noun>/errors.py`; all of them descend from these:

    PurasError
    ├── Malformed        400  the request cannot be read
    ├── NotSignedIn      401  no key, or not a valid one
    ├── PaymentRequired  402  the wallet or a budget forbids it
    ├── NotAllowed       403  known, but may not do this
    ├── Missing          404  does not exist, or is not yours
    ├── Conflict         409  contradicts what is there
    ├── TooLarge         413  over a limit of size
    ├── Unsupported      415  a type of content that is not taken
    ├── Invalid          422  understood, but wrong: carries every problem with its place
    ├── NotOffered       501  part of the contract, not of this instance
    ├── TooMany          429  over a limit of rate, with `retry_after_s`
    └── Unavailable      503  a part of the instance is away, with `retry_after_s`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class PurasError(Exception):
    """Something a caller can act on: what went wrong, with which thing, and what to do next."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts: Mapping[str, Any] = facts

    def as_body(self) -> dict[str, Any]:
        """The JSON body that every way in shows for this error."""
        return {"detail": self.detail, "code": self.code, **self.facts}


class Malformed(PurasError):
    """The request cannot be read."""

    status = 400
    code = "malformed"


class NotSignedIn(PurasError):
    """No credentials were given, or they are not valid."""

    status = 401
    code = "not_signed_in"


class PaymentRequired(PurasError):
    """The wallet or a budget does not allow this."""

    status = 402
    code = "payment_required"


class NotAllowed(PurasError):
    """The caller is known and may not do this."""

    status = 403
    code = "not_allowed"


class Missing(PurasError):
    """It does not exist, or it is not the caller's: the answer does not tell which."""

    status = 404
    code = "not_found"


class Conflict(PurasError):
    """It contradicts what is already there."""

    status = 409
    code = "conflict"


class TooLarge(PurasError):
    """It is over a limit of size."""

    status = 413
    code = "too_large"


class Unsupported(PurasError):
    """A type of content that is not taken here."""

    status = 415
    code = "unsupported"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    path: str
    """JSON path (`inputs.items[0].name`) or file of a bundle (`skills/resize/skill.yaml`)."""
    message: str
    """A sentence: what is wrong and what to write instead."""
    line: int | None = None
    """1-based line in the file, where there is one."""
    column: int | None = None
    """1-based column in that line."""

    def as_body(self) -> dict[str, Any]:
        """The problem as JSON, without the places it does not have."""
        place = {"line": self.line, "column": self.column}
        return {
            "path": self.path,
            "message": self.message,
            **{name: value for name, value in place.items() if value is not None},
        }


class Invalid(PurasError):
    """Understood, but wrong; carries all problems at once."""

    status = 422
    code = "invalid"

    def __init__(self, detail: str, problems: Sequence[Problem] = (), **facts: Any) -> None:
        super().__init__(detail, errors=[problem.as_body() for problem in problems], **facts)
        self.problems = tuple(problems)


class NotOffered(PurasError):
    """Part of the contract, but this instance does not have it."""

    status = 501
    code = "not_offered"


class TooMany(PurasError):
    """Over a limit of rate; try again after `retry_after_s`."""

    status = 429
    code = "too_many_requests"

    def __init__(self, detail: str, *, retry_after_s: int, **facts: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **facts)
        self.retry_after_s = retry_after_s


class Unavailable(PurasError):
    """A part of the instance is away for now; try again after `retry_after_s`."""

    status = 503
    code = "unavailable"

    def __init__(self, detail: str, *, retry_after_s: int = 2, **facts: Any) -> None:
        super().__init__(detail, retry_after_s=retry_after_s, **facts)
        self.retry_after_s = retry_after_s
