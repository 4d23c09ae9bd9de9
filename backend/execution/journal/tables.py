"""Table of what agents have said and done."""

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
    """One thing of a run that is not done again: the opening, a reply, a call of a tool, a note, a grader's verdict.

    A reply has place 0 of its step; the calls that it asks for have the places 1, 2, 3… in their order.
    """

    __tablename__: ClassVar[str] = "journal_entries"
    __table_args__ = (
        CheckConstraint(f"kind in {KINDS}", name="kind"),
        CheckConstraint("step >= 0 and place >= 0", name="place"),
    )

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    step: int = Field(primary_key=True)
    """0: the opening. Then the number of the reply."""
    place: int = Field(primary_key=True)
    kind: str = Field(max_length=16)
    """`started` is a call whose outcome is not known yet; it becomes `result`."""
    attempt: int
    """Which attempt wrote it."""
    content: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """Kept as text: the same conversation has to be the same characters, or the model's prompt cache is missed."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
