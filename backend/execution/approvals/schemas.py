"""Requests and responses of the routes of approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NamedTuple, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import ClosedSchema, Text
from backend.execution.approvals.reviewers import may_decide
from backend.execution.approvals.tables import Approval
from backend.identity.auth.principal import Principal
from backend.skills.schemas.schema_dialect import to_json_schema

ApprovalStatus = Literal["pending", "approved", "denied", "expired", "cancelled"]


class JobOfApproval(NamedTuple):
    """What an approval shows of its job."""

    skill: str
    job_type: str
    environment: str
    session_id: UUID | None


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
    """All arguments of the call, as the agent requests it; for the start of a job, its inputs."""
    input_schema: dict[str, Any] | None = None
    """JSON Schema of the arguments; null: they cannot be changed."""
    arguments: dict[str, Any] | None = None
    """The arguments with which the reviewer has replaced `input`; null: they are not changed."""
    skill: str = ""
    """Name of the skill of the job."""
    job_type: str = ""
    """`agentic`, `deterministic` or `flow`."""
    environment: str = ""
    """The environment of the job."""
    session_id: UUID | None = None
    """The session whose turn the job is."""
    status: ApprovalStatus
    reason: str
    """The reason that the user gave."""
    decided_by: str
    created_at: datetime
    expires_at: datetime
    """When a pending approval expires, which counts as rejected."""
    decided_at: datetime | None
    message: str | None = None
    """Text of the step of a flow that requests the approval; null for the call of an agent."""
    show: Any = None
    """Data that the step of a flow shows to the reviewer; null: there are none, or they are too long."""
    show_bytes: int | None = None
    """The size of `show` as JSON if it is too long to be shown. The steps of the job have the data."""
    form_schema: dict[str, Any] | None = None
    """Schema of the values that the reviewer enters, in the dialect of skill.yaml; null: there is no form."""
    form_json_schema: dict[str, Any] | None = None
    """The same in plain JSON Schema 2020-12."""
    form: dict[str, Any] | None = None
    """The values that the reviewer has entered."""
    reviewers: list[str] = Field(default_factory=list)
    """E-mail addresses and roles of those who may decide; empty: everyone who may decide approvals."""
    may_decide: bool = True
    """Whether the caller may decide it, apart from its status."""

    @classmethod
    def of(cls, approval: Approval, principal: Principal, job: JobOfApproval | None = None) -> Self:
        """Return the response for a caller."""
        schema = approval.form_schema
        return cls.model_validate(approval).model_copy(
            update={
                "form_json_schema": None if schema is None else to_json_schema({"type": "object", **schema}),
                "may_decide": may_decide(principal, approval.reviewers),
                **({} if job is None else job._asdict()),
            }
        )


class DecisionCreate(ClosedSchema):
    """Body of a rejection."""

    reason: Text = Field(default="", max_length=2000)
    """The reason. The model receives the reason of a denial."""


class ApproveCreate(DecisionCreate):
    """Body of an approval."""

    form: dict[str, Any] | None = None
    """Values for `form_schema`. Required if the schema requires one of them."""
    arguments: dict[str, Any] | None = None
    """All arguments with which the call is made instead of `input`, valid for `input_schema`. The agent is notified
    that a user has changed them. For the start of a job, they become its inputs."""
