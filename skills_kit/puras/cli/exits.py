"""How a command ends, for scripts."""

from __future__ import annotations

from typing import Final

from puras.client import (
    NoAnswer,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PaymentRequired,
    PurasAPIError,
    ServerError,
    TooMany,
)

OK: Final = 0
FAILED: Final = 1
"""A job failed, was cancelled or has not ended in time; a suite or a gate was not passed."""
USAGE: Final = 2
"""What was given is wrong: an option, an input, a bundle."""
AUTH: Final = 3
NOT_FOUND: Final = 4
MONEY: Final = 5
SERVER: Final = 6
"""The instance cannot, does not answer, or asks for patience."""
INTERRUPTED: Final = 130

MEANINGS: Final = {
    OK: "done",
    FAILED: "a job failed, was cancelled or has not ended in time; a suite or a gate was not passed",
    USAGE: "what was given is wrong: an option, an input, a bundle",
    AUTH: "no key, a wrong one, or one that may not do this",
    NOT_FOUND: "there is none such, or it is not yours",
    MONEY: "the wallet, a budget or the key's cap forbids it",
    SERVER: "the instance cannot, does not answer, or asks for patience",
}


class UsageProblem(Exception):
    """What was given cannot be; the text says what to write instead."""


class NoKey(Exception):
    """There is no key; the text says where one may be."""


def code_of(error: PurasAPIError) -> int:
    """With which code a command ends that was refused so."""
    if isinstance(error, NotSignedIn | NotAllowed):
        return AUTH
    if isinstance(error, NotFound):
        return NOT_FOUND
    if isinstance(error, PaymentRequired):
        return MONEY
    return SERVER if isinstance(error, ServerError | NoAnswer | TooMany) else USAGE
