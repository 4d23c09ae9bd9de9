"""Requests and responses of the routes of approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import Text

ApprovalStatus = Literal["pending", "approved", "denied", "expired", "cancelled"]


class ApprovalRead(Schema):
    """One call of a tool by an agent, and the decision about it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    job_id: UUID
    step: int
    """Number of the reply that requests the call."""
    tool: str
    tool_use_id: str
    input: dict[str, Any]
    """All arguments of the call. Exactly this call is made when it is approved."""
    status: ApprovalStatus
    reason: str
    """The reason that the user gave."""
    decided_by: str
    created_at: datetime
    expires_at: datetime
    """When a pending approval expires, which counts as rejected."""
    decided_at: datetime | None


class DecisionCreate(Schema):
    """Body of a decision."""

    model_config = ConfigDict(extra="forbid")

    reason: Text = Field(default="", max_length=2000)
    """The reason. The model receives the reason of a denial."""
