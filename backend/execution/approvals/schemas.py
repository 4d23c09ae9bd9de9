"""What is said about approvals over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Text

ApprovalStatus = Literal["pending", "approved", "denied", "expired", "cancelled"]


class ApprovalRead(BaseModel):
    """One call of an agent's tool, and what was said to it."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    id: UUID
    job_id: UUID
    step: int
    """Of the reply that asks for the call."""
    tool: str
    tool_use_id: str
    input: dict[str, Any]
    """All that the tool is given: exactly this runs when it is approved."""
    status: ApprovalStatus
    reason: str
    """What whoever decided said to it."""
    decided_by: str
    created_at: datetime
    expires_at: datetime
    """Undecided until then, it counts as refused."""
    decided_at: datetime | None


class DecisionCreate(BaseModel):
    """Body of a decision."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    reason: Text = Field(default="", max_length=2000)
    """Why; a denial's is told to the model."""
