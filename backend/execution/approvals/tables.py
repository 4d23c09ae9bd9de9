"""Table of approvals."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.execution.approvals.types import FLOW_STEP, START

STATUSES = ("pending", "approved", "denied", "expired", "cancelled")


class Approval(SQLModel, table=True):
    """One call of a tool by an agent, as its journal has it, and the decision of a user."""

    __tablename__: ClassVar[str] = "approvals"
    __table_args__ = (
        CheckConstraint(f"status in {STATUSES}", name="status"),
        UniqueConstraint("job_id", "step", "place"),
        Index("ix_approvals_project_id_created_at", "project_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_approvals_project_id_created_at_pending",
            "project_id",
            text("created_at DESC"),
            text("id DESC"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index("ix_approvals_expires_at_pending", "expires_at", postgresql_where=text("status = 'pending'")),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE")
    step: int
    """Number of the reply that requests the call."""
    place: int
    """Position of the call in that reply, from 1."""
    tool: str = Field(max_length=200)
    tool_use_id: str = Field(max_length=200)
    input: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """All arguments of the call as the agent requests it."""
    input_schema: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """JSON Schema of the arguments; null: a reviewer cannot change them."""
    arguments: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """The arguments with which a reviewer has replaced `input`; null: they are not changed."""
    effect: str | None = Field(default=None, max_length=100)
    """The effect and the target of the call. The worker compares the value before the call; null: not recorded."""
    form_schema: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """Schema of the values that the reviewer enters, in the dialect of skill.yaml; null: there is no form."""
    form: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """The values that the reviewer has entered."""
    reviewers: list[str] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """E-mail addresses and roles of those who may decide; empty: everyone with the permission."""
    status: str = "pending"
    reason: str = Field(default="", max_length=2000)
    """The reason that the user gave. The model receives the reason of a denial."""
    decided_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
    decided_at: datetime | None = Field(default=None, sa_type=Timestamp)

    @property
    def is_of_flow(self) -> bool:
        """Whether a step of a flow requests it, and not the call of an agent."""
        return self.effect == FLOW_STEP

    @property
    def is_start(self) -> bool:
        """Whether it is for the start of a job."""
        return self.step == 0 and self.tool_use_id == START

    @property
    def message(self) -> str | None:
        """The text of the step of a flow that requests it."""
        return str(self.input.get("message", "")) if self.is_of_flow else None

    @property
    def show(self) -> Any:
        """The data that the step of a flow shows; None: there are none, or too many."""
        return self.input.get("show") if self.is_of_flow else None

    @property
    def show_bytes(self) -> int | None:
        """The size of data that are too long to be shown."""
        return self.input.get("show_bytes") if self.is_of_flow else None
