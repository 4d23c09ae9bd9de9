"""What an operator is told.

Missing
└── WorkerNotFound
"""

from __future__ import annotations

from uuid import UUID

from backend.errors import Missing


class WorkerNotFound(Missing):
    """No process of the fleet has this id: it has ended, or begun anew."""

    code = "worker_not_found"

    def __init__(self, worker_id: UUID) -> None:
        super().__init__(
            f"No worker {str(worker_id)!r}: it has ended, or begun anew with another id. "
            "GET /v1/instance/workers lists them.",
            worker_id=str(worker_id),
        )
