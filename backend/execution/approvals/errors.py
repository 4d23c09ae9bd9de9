"""Errors of approvals."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from backend.core.errors import Conflict, Missing, NotAllowed


class ApprovalNotFound(Missing):
    """The approval does not exist, or belongs to another project."""

    code = "approval_not_found"
    message = (
        "No approval {approval_id!r} in this project. List pending approvals: GET "
        "/v1/approvals?status=pending."
    )
    approval_id: UUID


class NotReviewer(NotAllowed):
    """The approval names reviewers, and the caller is none of them."""

    code = "not_a_reviewer"

    def __init__(self, reviewers: Sequence[str], *, is_key: bool) -> None:
        shown = [*reviewers[:10], *(["…"] if len(reviewers) > 10 else [])]
        detail = f"Only reviewers may decide this approval: {', '.join(shown)}."
        if is_key:
            detail += " An API key counts only for the roles 'developer' and, without restrictions, 'admin'."
        detail += " Ask one of them to decide in the studio."
        super().__init__(detail, reviewers=list(reviewers))


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
