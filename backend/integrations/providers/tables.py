"""Define the table of API keys that projects set for models."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class ProviderKey(SQLModel, table=True):
    """A project's own API key for one model family, encrypted at rest and never returned over HTTP."""

    __tablename__: ClassVar[str] = "provider_keys"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    family: str = Field(max_length=100, primary_key=True)
    ciphertext: str
    """Fernet token with the prefix `enc:v1:`."""
    base_url: str | None = Field(default=None, max_length=2_000)
    """URL of the project's own server; None: that of the catalog."""
    api: str | None = Field(default=None, max_length=20)
    """The API of that server; None: the Messages API."""
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_by: str = Field(default="", max_length=200)
