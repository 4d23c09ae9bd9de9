"""Define the tables of the drive: metadata of files, the count of each drive, and unfinished uploads."""

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
    """The usage of a drive: updated by each write over the API, and measured after jobs have run."""

    __tablename__: ClassVar[str] = "drive_usage"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    files: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Including folders."""
    counted_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """When the whole drive was measured last."""


class DriveFile(SQLModel, table=True):
    """Metadata of one version of a file. A file without a row, or with one of an earlier version, is valid too."""

    __tablename__: ClassVar[str] = "drive_files"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    path: str = Field(primary_key=True)
    version: str
    """The version in the storage. The row does not apply to another version."""
    sha256: str | None = Field(default=None, max_length=64)
    written_by: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """`{"kind": "job" | "key" | "user", "id"}`, or `{"kind": "jobs", "ids"}` if it was one of several jobs."""
    written_at: datetime | None = Field(default=None, sa_type=Timestamp)


class DriveUpload(SQLModel, table=True):
    """An upload in several requests. Its bytes are in a file with the name of its ID until it is complete."""

    __tablename__: ClassVar[str] = "drive_uploads"
    __table_args__ = (
        Index("ix_drive_uploads_project_id_expires_at", "project_id", "expires_at"),
        Index("ix_drive_uploads_expires_at", "expires_at"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    path: str
    length_bytes: int = Field(sa_column=Column(BigInteger, nullable=False))
    """Length of the whole file. The project's quota includes it until the upload is complete."""
    upload_metadata: str = ""
    """The metadata that the client sent."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When the file was stored in the drive. The row stays until it expires, for clients that missed the response."""
