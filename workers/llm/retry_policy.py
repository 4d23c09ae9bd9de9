"""Define the retry policy of a worker for model calls, before the job is requeued."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Attempts at one call, and the pauses between them."""

    attempts: int = 5
    first_wait_s: float = 0.5
    max_backoff_s: float = 20.0
    max_wait_s: float = 60.0
    """If an upstream requests a longer pause, the job waits in the queue instead of in the worker."""

    def wait_s(self, failed_attempts: int, requested_s: float | None) -> float:
        """Return the seconds before the next attempt: what the upstream requests, else twice as long each time."""
        if requested_s is not None:
            return requested_s + random.uniform(0, 0.25) * min(requested_s, 4.0)  # noqa: S311 - spreads load, guards nothing
        pause_s = min(self.max_backoff_s, self.first_wait_s * 2.0 ** (failed_attempts - 1))
        return float(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - the same


DEFAULT = RetryPolicy()
