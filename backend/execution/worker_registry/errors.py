"""What can be wrong with the host of a worker."""

from __future__ import annotations

from backend.core.errors import Unavailable


class HostExhausted(Unavailable):
    """The host of the worker lacks what a job needs; the job has no part in it and runs again."""

    code = "host_exhausted"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The host of the worker cannot run this job: {reason}. The operator finds it in `GET /ready` and on the "
            "page of the workers."
        )
        self.reason = reason
