"""The exit codes of the commands."""

from __future__ import annotations

from typing import Final

from puras.client import (
    NoResponse,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PaymentRequired,
    PurasAPIError,
    ServerError,
    TooManyRequests,
)

OK: Final = 0
FAILED: Final = 1
"""A job failed, was cancelled or has not ended in time; a suite or a gate did not pass."""
USAGE: Final = 2
"""An option, an input or a bundle is invalid."""
AUTH: Final = 3
NOT_FOUND: Final = 4
MONEY: Final = 5
SERVER: Final = 6
"""The instance is unavailable, fails, or limits the rate of requests."""
INTERRUPTED: Final = 130

MEANINGS: Final = {
    OK: "success",
    FAILED: "a job failed, was cancelled or has not ended in time; a suite or a gate did not pass",
    USAGE: "an option, an input or a bundle is invalid, or the request contradicts the current state",
    AUTH: "the API key is missing or invalid, or does not have the permission",
    NOT_FOUND: "the object does not exist, or belongs to another project",
    MONEY: "the wallet, a budget or the cap of the key does not allow it",
    SERVER: "the instance is unavailable, fails, or limits the rate of requests",
}


class UsageProblem(Exception):
    """An argument is invalid. The message names a valid one."""


class NoKey(Exception):
    """There is no API key. The message says where to set it."""


def code_of(error: PurasAPIError) -> int:
    """Return the exit code for an error of the API."""
    if isinstance(error, NotSignedIn | NotAllowed):
        return AUTH
    if isinstance(error, NotFound):
        return NOT_FOUND
    if isinstance(error, PaymentRequired):
        return MONEY
    return SERVER if isinstance(error, ServerError | NoResponse | TooManyRequests) else USAGE
