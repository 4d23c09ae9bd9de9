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


class SavedView(SQLModel, table=True):
    """A saved view of a list. It is deleted when its user leaves the project."""

    __tablename__: ClassVar[str] = "saved_views"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "user_id"], ["members.project_id", "members.user_id"], ondelete="CASCADE"
        ),
    )

    project_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(primary_key=True)
    page: str = Field(max_length=20, primary_key=True)
    """The list: `jobs`, `deployments`, `drive`, `memory`, `evals` or `marketplace`."""
    name: str = Field(max_length=80, primary_key=True)
    content: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    """Filters, order and columns, without defaults: a class of `schemas.View` without its `page`."""
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
