"""Limit the durable steps of a job."""

from __future__ import annotations

from backend.execution.steps.service import MAX_JOB_BYTES, MAX_RESULT_BYTES, MAX_STEPS


class Rejected(Exception):
    """A request is valid, but cannot be done."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Limits:
    """What the steps of a job have used of its limits."""

    def __init__(self) -> None:
        self.count = 0
        self.total_bytes = 0
        """Size of all results as JSON."""

    def add(self, result: str | None) -> None:
        """Count a step and its result as JSON.

        Raises:
            Rejected: a limit is exceeded.
        """
        size = len(result or "")
        if size > MAX_RESULT_BYTES:
            raise Rejected(
                "step_limit_exceeded",
                f"The result has {size} bytes as JSON, and its limit is {MAX_RESULT_BYTES}. Save large data in the "
                "drive.",
            )
        if self.count >= MAX_STEPS:
            raise Rejected(
                "step_limit_exceeded",
                f"A job has at most {MAX_STEPS} durable steps. Do more work in each step, or start subjobs.",
            )
        if self.total_bytes + size > MAX_JOB_BYTES:
            raise Rejected(
                "step_limit_exceeded",
                f"The results of the steps of a job have at most {MAX_JOB_BYTES} bytes as JSON together. Save large "
                "data in the drive and return its path.",
            )
        self.count += 1
        self.total_bytes += size
