"""Tables of the drive: what is known of its files beside their bytes, how much it holds, and uploads on their way."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class DriveUsage(SQLModel, table=True):
    """How much a project's drive holds: counted when it is written over the API, and anew after jobs have run."""

    __tablename__: ClassVar[str] = "drive_usage"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    files: int = Field(sa_column=Column(BigInteger, nullable=False))
    """And folders."""
    counted_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """When everything was last looked at."""


class DriveFile(SQLModel, table=True):
    """What is known of a file as long as it is of this version; a file that has no row, or an older one, is as good."""

    __tablename__: ClassVar[str] = "drive_files"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    path: str = Field(primary_key=True)
    version: str
    """Of the storage: another one, and nothing here holds any more."""
    sha256: str | None = Field(default=None, max_length=64)
    written_by: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """`{"kind": "job" | "key" | "user", "id"}`, or `{"kind": "jobs", "ids"}` when it was one of these."""
    written_at: datetime | None = Field(default=None, sa_type=Timestamp)


class DriveUpload(SQLModel, table=True):
    """An upload that goes on over several requests; its bytes are in a file of this id until it is whole."""

    __tablename__: ClassVar[str] = "drive_uploads"
    __table_args__ = (
        Index("ix_drive_uploads_project_id_expires_at", "project_id", "expires_at"),
        Index("ix_drive_uploads_expires_at", "expires_at"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    path: str
    length_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Of the whole file; held in the project's quota until it is whole."""
    upload_metadata: str = ""
    """As the client sent it."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When the file was in the drive; the row stays until it expires, for clients that missed the answer."""
