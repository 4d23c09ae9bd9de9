"""The table of saved views."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class JobView(SQLModel, table=True):
    """A saved view of the list of jobs. It is deleted when its user leaves the project."""

    __tablename__: ClassVar[str] = "job_views"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "user_id"], ["members.project_id", "members.user_id"], ondelete="CASCADE"
        ),
    )

    project_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(primary_key=True)
    name: str = Field(max_length=80, primary_key=True)
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    """`JobViewUpdate`: filters, order and columns."""
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
