"""Errors of failure clusters."""

from __future__ import annotations

from backend.core.errors import Missing


class FailureNotFound(Missing):
    """No job of the project has failed with this error."""

    code = "failure_not_found"
    message = (
        "No job of the project has failed with an error that has the signature {error_signature!r}. "
        "GET /v1/job-failures lists the errors of a period."
    )
    error_signature: str
