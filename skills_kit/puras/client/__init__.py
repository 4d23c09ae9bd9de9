"""Run skills from any program: `Client`, and `AsyncClient` for programs with an event loop.

Like the rest of the kit, the client uses only the standard library.
"""

from typing import TYPE_CHECKING

from puras.client.annotation_queues import AnnotationQueues, AsyncAnnotationQueues
from puras.client.asynchronous import AsyncClient
from puras.client.batch import BudgetExceeded, MapResult
from puras.client.environments import AsyncEnvironments, Environments
from puras.client.errors import (
    Conflict,
    Invalid,
    JobError,
    JobTimeout,
    NoResponse,
    NotAllowed,
    NotFound,
    NotSignedIn,
    PaymentRequired,
    Problem,
    PurasAPIError,
    ServerError,
    TooManyRequests,
    TurnError,
)
from puras.client.sessions import AsyncSessions, Sessions, SessionStream
from puras.client.shapes import (
    ChatMessage,
    ChatSession,
    CostEstimate,
    EnvironmentState,
    Event,
    Failure,
    FailureCluster,
    Failures,
    Feedback,
    Job,
    JobOptions,
    JobStep,
    Promotion,
    SessionEvent,
)
from puras.client.streams import EventStream
from puras.client.synchronous import Client
from puras.renamed import renamed_names

__all__ = [
    "AnnotationQueues",
    "AsyncAnnotationQueues",
    "AsyncClient",
    "AsyncEnvironments",
    "AsyncSessions",
    "BudgetExceeded",
    "ChatMessage",
    "ChatSession",
    "Client",
    "Conflict",
    "CostEstimate",
    "EnvironmentState",
    "Environments",
    "Event",
    "EventStream",
    "Failure",
    "FailureCluster",
    "Failures",
    "Feedback",
    "Invalid",
    "Job",
    "JobError",
    "JobOptions",
    "JobStep",
    "JobTimeout",
    "MapResult",
    "NoResponse",
    "NotAllowed",
    "NotFound",
    "NotSignedIn",
    "PaymentRequired",
    "Problem",
    "Promotion",
    "PurasAPIError",
    "ServerError",
    "SessionEvent",
    "SessionStream",
    "Sessions",
    "TooManyRequests",
    "TurnError",
]

if TYPE_CHECKING:
    # The names before 0.2, until 0.3.
    BudgetSpent = BudgetExceeded
    Mapped = MapResult
    NoAnswer = NoResponse
    Opinion = Feedback
    TooMany = TooManyRequests
else:
    __getattr__ = renamed_names(
        __name__,
        BudgetSpent="BudgetExceeded",
        Mapped="MapResult",
        NoAnswer="NoResponse",
        Opinion="Feedback",
        TooMany="TooManyRequests",
    )
