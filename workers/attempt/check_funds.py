"""Whether a job that costs something has the money to start."""

from __future__ import annotations

from typing import Final

from backend.execution.jobs.claim import JobAttempt
from backend.execution.jobs.finish import AttemptResult
from workers.types import Postponed

HELD_PAUSE_S: Final = 5.0
TOO_SMALL: Final = (
    "The wallet holds less than what this run may cost with the price of its listing, so it did not begin and cost "
    "nothing. Top the wallet up, or lower `limits.cost_usd`, and replay it."
)


def check_funds(claimed: JobAttempt) -> AttemptResult | Postponed | None:
    """Return why the attempt cannot start without money; None if it can.

    A job whose limit another job has lowered, and one whose key has ended, fail in `prepare`. Agents check by
    themselves, since simulated models cost nothing.
    """
    is_unpaid = claimed.cap_micros > 0 and claimed.reserved_micros == 0
    if not is_unpaid or claimed.key_ended is not None or claimed.lowered_by:
        return None
    if claimed.price_micros:
        if claimed.is_wallet_too_small:
            return AttemptResult("failed", error=TOO_SMALL, error_code="wallet_too_small")
        return Postponed("wallet_held", after_s=HELD_PAUSE_S)  # other runs return what they do not use
    return Postponed("wallet_empty") if claimed.type != "agentic" else None
