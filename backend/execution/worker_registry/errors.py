"""Errors of the hosts of workers."""

from __future__ import annotations

from backend.core.errors import Unavailable, field


class HostExhausted(Unavailable):
    """The host of the worker lacks a resource. The job did not cause it and runs again."""

    code = "host_exhausted"
    message = (
        "The host of the worker cannot run this job: {reason}. Operators find details in `GET /ready` and "
        "on the workers page."
    )
    reason: str = field(in_body=False)
