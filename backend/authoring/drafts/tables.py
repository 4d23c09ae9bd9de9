"""Define the tables of drafts."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index, LargeBinary
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class Draft(SQLModel, table=True):
    """The draft of one skillpack."""

    __tablename__: ClassVar[str] = "drafts"
    __table_args__ = (Index("ix_drafts_project_id", "project_id"),)

    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE", primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    base_deployment_id: UUID | None = None
    """The version that it was created from or last published as."""
    revision: int = 0
    """Counts its changes, so that clients notice them."""
    updated_by: str = Field(default="", max_length=200)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class DraftFile(SQLModel, table=True):
    """One file of a draft. A deleted file is stored until the next publish, so that it can be restored."""

    __tablename__: ClassVar[str] = "draft_files"
    __table_args__ = (Index("ix_draft_files_project_id", "project_id"),)

    skillpack_id: UUID = Field(foreign_key="drafts.skillpack_id", ondelete="CASCADE", primary_key=True)
    path: str = Field(max_length=1024, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    size_bytes: int
    is_executable: bool = False
    revision: int
    """The revision of the draft when the file was written last. A writer names the revision that it has read."""
    updated_by: str = Field(default="", max_length=200)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    deleted_at: datetime | None = Field(default=None, sa_type=Timestamp)
