"""Running skills from any program: `Client`, and `AsyncClient` for programs on an event loop.

Standard library only, like the rest of the kit.
"""

from puras.client.asynchronous import AsyncClient
from puras.client.batch import BudgetSpent, Mapped
from puras.client.errors import (
    Conflict,
    Invalid,
    JobError,
    JobTimeout,
    NoAnswer,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PaymentRequired,
    Problem,
    PurasAPIError,
    ServerError,
    TooMany,
)
from puras.client.shapes import Event, Job, JobOptions, Opinion
from puras.client.streams import EventStream
from puras.client.synchronous import Client

__all__ = [
    "AsyncClient",
    "BudgetSpent",
    "Client",
    "Conflict",
    "Event",
    "EventStream",
    "Invalid",
    "Job",
    "JobError",
    "JobOptions",
    "JobTimeout",
    "Mapped",
    "NoAnswer",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "Opinion",
    "PaymentRequired",
    "Problem",
    "PurasAPIError",
    "ServerError",
    "TooMany",
]
