"""The reasons for which the egress proxy does not forward a request of a job.

EgressError            the proxy responds itself
├── EgressDenied  403  the connection is not allowed: recorded in the job
├── Malformed 400 the request is ambiguous: recorded in the job
└── EgressFailed   5xx  the connection is allowed, but the other side is unavailable
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


class EgressError(Exception):
    """The proxy responds itself; the text is for the author of the skill, in printable ASCII."""

    code = "network_failed"

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class EgressDenied(EgressError):
    """The job must not open this connection."""

    code = "network_refused"

    def __init__(self, reason: Reason, detail: str, *, status: int = 403) -> None:
        super().__init__(status, detail)
        self.reason: Reason = reason


class Malformed(EgressDenied):
    """The request is rejected because different programs could interpret it differently."""

    def __init__(self, detail: str) -> None:
        super().__init__("malformed", detail, status=400)


class EgressFailed(EgressError):
    """The other side does not respond, or the job sends no complete request."""
