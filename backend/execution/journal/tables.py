"""Table of the journal entries of agents."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

KINDS = ("opening", "reply", "started", "result", "note", "verdict")


class JournalEntry(SQLModel, table=True):
    """One result of a run that is not repeated: first message, reply, tool call, note, or verdict of a grader.

    In each step the reply has position (`place`) 0, and its calls have the positions 1, 2, 3… in their order.
    """

    __tablename__: ClassVar[str] = "journal_entries"
    __table_args__ = (
        CheckConstraint(f"kind in {KINDS}", name="kind"),
        CheckConstraint("step >= 0 and place >= 0", name="place"),
    )

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    step: int = Field(primary_key=True)
    """0: the first message; otherwise the number of the reply."""
    place: int = Field(primary_key=True)
    kind: str = Field(max_length=16)
    """`started` is a call whose result is not known yet; it becomes `result`."""
    attempt: int
    """The attempt that wrote the entry."""
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """Stored as `json`: the text of a conversation must stay identical for the prompt cache of the model."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
