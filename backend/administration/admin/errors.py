"""Errors of the administration of an instance."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Missing


class AccountNotFound(Missing):
    """No account has this ID."""

    code = "user_not_found"
    former_code = "person_not_found"
    message = "Nobody has an account with the id {user_id!r}. GET /v1/instance/users lists everybody."
    user_id: UUID


class WorkerNotFound(Missing):
    """No worker has this ID. It has ended, or was restarted with another ID."""

    code = "worker_not_found"
    message = (
        "No worker {worker_id!r}: it has ended, or begun anew with another id. GET /v1/instance/workers lists "
        "them."
    )
    worker_id: UUID
