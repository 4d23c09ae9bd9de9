"""How often and how long a worker tries by itself, before the job goes back into the queue."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Tries of one call, and the waits between them."""

    tries: int = 5
    first_wait_s: float = 0.5
    most_backoff_s: float = 20.0
    longest_wait_s: float = 60.0
    """An upstream that asks for more is left alone: the job waits in the queue, and not in the worker."""

    def wait_s(self, tried: int, asked_s: float | None) -> float:
        """Seconds before the next try: what the upstream asks for, else twice as long each time; never all at once."""
        if asked_s is not None:
            return asked_s + random.uniform(0, 0.25) * min(asked_s, 4.0)  # noqa: S311 - spreads load, guards nothing
        most = min(self.most_backoff_s, self.first_wait_s * 2.0 ** (tried - 1))
        return float(most * random.uniform(0.5, 1.0))  # noqa: S311 - the same


USUAL = Patience()
