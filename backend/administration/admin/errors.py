"""Errors of the administration of an instance."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Missing


class AccountNotFound(Missing):
    """No account has this ID."""

    code = "user_not_found"
    former_code = "person_not_found"
    message = "No account has the ID {user_id!r}. GET /v1/instance/users lists all users."
    user_id: UUID


class WorkerNotFound(Missing):
    """No worker has this ID. It has ended, or was restarted with another ID."""

    code = "worker_not_found"
    message = (
        "No worker {worker_id!r}: it has ended, or was restarted with another ID. GET /v1/instance/workers "
        "lists all of them."
    )
    worker_id: UUID
