"""Why a request of a job goes no further.

Turned            the proxy answers by itself
├── Refused  403  it may not: recorded in the job
├── Malformed 400 it is not a request that means one thing alone: recorded in the job
└── Failed   5xx  it may, and the other side cannot be had
"""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "host_not_listed",
    "port_not_allowed",
    "address_not_public",
    "own_address",
    "malformed",
    "too_many_connections",
]


class Turned(Exception):
    """The proxy answers by itself; the sentence is for the author of the skill, in printable ASCII."""

    code = "network_failed"

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class Refused(Turned):
    """The job may not have this connection."""

    code = "network_refused"

    def __init__(self, reason: Reason, sentence: str, *, status: int = 403) -> None:
        super().__init__(status, sentence)
        self.reason: Reason = reason


class Malformed(Refused):
    """The request could mean different things to different readers, so it means nothing here."""

    def __init__(self, sentence: str) -> None:
        super().__init__("malformed", sentence, status=400)


class Failed(Turned):
    """The other side does not answer, or the job does not ask."""
