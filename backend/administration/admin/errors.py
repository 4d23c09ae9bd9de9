"""What an operator is told.

Missing
├── PersonNotFound
└── WorkerNotFound
"""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Missing


class PersonNotFound(Missing):
    """Nobody has an account with this id."""

    code = "person_not_found"

    def __init__(self, user_id: UUID) -> None:
        super().__init__(
            f"Nobody has an account with the id {str(user_id)!r}. GET /v1/instance/users lists everybody.",
            user_id=str(user_id),
        )


class WorkerNotFound(Missing):
    """No process of the fleet has this id: it has ended, or begun anew."""

    code = "worker_not_found"

    def __init__(self, worker_id: UUID) -> None:
        super().__init__(
            f"No worker {str(worker_id)!r}: it has ended, or begun anew with another id. "
            "GET /v1/instance/workers lists them.",
            worker_id=str(worker_id),
        )
