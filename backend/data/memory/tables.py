"""Define the tables of memory."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, REAL, TEXT, TSVECTOR
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

TYPES = ("semantic", "episodic", "procedural")
SCOPES = ("entity", "skillpack", "workspace")
ACTIONS = ("put", "forget")


class MemoryRecord(SQLModel, table=True):
    """One record."""

    __tablename__: ClassVar[str] = "memory_records"
    __table_args__ = (
        CheckConstraint(f"mtype in {TYPES}", name="mtype"),
        CheckConstraint(f"scope in {SCOPES}", name="scope"),
        CheckConstraint("(scope = 'skillpack') = (skillpack_id is not null)", name="place"),
        Index(
            "uq_memory_records_key",
            "project_id",
            "kind",
            "entity_key",
            "scope",
            text("coalesce(skillpack_id, project_id)"),
            unique=True,
            postgresql_where=text("entity_key is not null and mtype <> 'episodic' and forgotten_at is null"),
        ),
        Index(
            "ix_memory_records_project_id_updated_at", "project_id", text("updated_at DESC"), text("id DESC")
        ),
        Index("ix_memory_records_names", "names", postgresql_using="gin"),
        Index("ix_memory_records_words", "words", postgresql_using="gin"),
        Index(
            "ix_memory_records_pinned", "project_id", postgresql_where=text("pinned and forgotten_at is null")
        ),
        Index(
            "ix_memory_records_forgotten_at",
            "forgotten_at",
            postgresql_where=text("forgotten_at is not null"),
        ),
        Index("ix_memory_records_stale_at", "stale_at", postgresql_where=text("stale_at is not null")),
        Index("ix_memory_records_skillpack_id", "skillpack_id"),
        Index("ix_memory_records_job_id", "job_id"),
        Index(
            "ix_memory_records_unembedded",
            "project_id",
            "updated_at",
            postgresql_where=text("embedded_version is distinct from version and forgotten_at is null"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID | None = Field(default=None, foreign_key="skillpacks.id", ondelete="CASCADE")
    """The only skillpack that can find it; set for the scope `skillpack`."""
    scope: str
    mtype: str
    kind: str = Field(max_length=100)
    entity_key: str | None = Field(default=None, max_length=500)
    title: str = Field(default="", max_length=300)
    summary: str = Field(default="", max_length=4000)
    record: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    tags: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    aliases: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    """Other keys of the same entity."""
    content_hash: str | None = Field(default=None, max_length=128)
    source_url: str | None = Field(default=None, max_length=2000)
    importance: float = Field(default=0.5, sa_type=REAL)
    pinned: bool = False
    stale_at: datetime | None = Field(default=None, sa_type=Timestamp)
    version: int = 1
    superseded_by: UUID | None = None
    """The record that replaced it."""
    job_id: UUID | None = None
    """The job that wrote it last. It may be deleted."""
    written_by: str = Field(max_length=200)
    forgotten_at: datetime | None = Field(default=None, sa_type=Timestamp)
    forgotten_why: str = Field(default="", max_length=500)
    size_bytes: int
    """The size that counts toward the quota."""
    names: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    """Key, aliases and hash, each after the ID of its project, for exact searches."""
    words: str = Field(sa_column=Column(TSVECTOR, nullable=False))
    """Its words, with a word for its project, so that a search does not read the entries of other projects."""
    embedded_version: int | None = Field(default=None, sa_type=Integer)
    """The version whose embedding is in `memory_vectors`."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class MemoryVector(SQLModel, table=True):
    """The embedding of one record."""

    __tablename__: ClassVar[str] = "memory_vectors"
    __table_args__ = (Index("ix_memory_vectors_project_id", "project_id"),)

    memory_id: UUID = Field(foreign_key="memory_records.id", ondelete="CASCADE", primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    model: str = Field(max_length=200)
    embedding: list[float] = Field(sa_column=Column(ARRAY(REAL), nullable=False))
    """1,536 numbers. An array, so that the tables are the same without pgvector."""


class MemoryChange(SQLModel, table=True):
    """One change of a record. A repeated call of a job finds its first result here."""

    __tablename__: ClassVar[str] = "memory_changes"
    __table_args__ = (
        CheckConstraint(f"action in {ACTIONS}", name="action"),
        Index("ix_memory_changes_memory_id", "memory_id", text("id DESC")),
        Index(
            "uq_memory_changes_call",
            "job_id",
            "call_key",
            unique=True,
            postgresql_where=text("call_key is not null"),
        ),
        Index("ix_memory_changes_at", "at"),
        Index("ix_memory_changes_project_id", "project_id"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    memory_id: UUID = Field(foreign_key="memory_records.id", ondelete="CASCADE")
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    action: str
    version: int
    created: bool = False
    """Whether the record was new."""
    job_id: UUID | None = None
    call_key: str | None = Field(default=None, max_length=255)
    """Identifies the call of the job that made the change."""
    written_by: str = Field(max_length=200)
    reason: str = Field(default="", max_length=500)
    at: datetime = Field(default_factory=now, sa_type=Timestamp)


class MemoryUsage(SQLModel, table=True):
    """The usage of a project, including forgotten records that are not deleted yet."""

    __tablename__: ClassVar[str] = "memory_usage"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    records: int = Field(default=0, sa_type=BigInteger)
    bytes: int = Field(default=0, sa_type=BigInteger)
