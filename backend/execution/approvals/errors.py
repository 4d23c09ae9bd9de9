"""Errors of approvals."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Missing


class ApprovalNotFound(Missing):
    """The approval does not exist, or belongs to another project."""

    code = "approval_not_found"
    message = (
        "No approval {approval_id!r} in this project. List pending approvals: GET "
        "/v1/approvals?status=pending."
    )
    approval_id: UUID


class ApprovalDecided(Conflict):
    """The approval was decided before, or has expired."""

    code = "approval_decided"

    def __init__(self, approval_id: UUID, status: str) -> None:
        why = {
            "expired": "has expired without a decision, and the agent continued without approval",
            "cancelled": "ended when its job was cancelled",
        }
        super().__init__(
            f"Approval {str(approval_id)!r} {why.get(status, f'is already {status}')}. A decision is final.",
            approval_id=str(approval_id),
            status=status,
        )
