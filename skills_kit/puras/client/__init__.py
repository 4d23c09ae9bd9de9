"""Run skills from any program: `Client`, and `AsyncClient` for programs with an event loop.

Like the rest of the kit, the client uses only the standard library.
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
