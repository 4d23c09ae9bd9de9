"""Define the tables of API keys that projects set for models, and of the prices of their providers."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint
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


class ProviderPrice(SQLModel, table=True):
    """What a project pays its provider for one model; it belongs to the project's key for the family."""

    __tablename__: ClassVar[str] = "provider_prices"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "family"],
            ["provider_keys.project_id", "provider_keys.family"],
            ondelete="CASCADE",
        ),
    )

    project_id: UUID = Field(primary_key=True)
    family: str = Field(max_length=100, primary_key=True)
    variant: str = Field(max_length=100, primary_key=True)
    """The name of the model after the slash."""
    input_nanos: int = Field(sa_type=BigInteger)
    """Nano-dollars per million tokens, as the other prices."""
    output_nanos: int = Field(sa_type=BigInteger)
    cache_read_nanos: int = Field(sa_type=BigInteger)
    cache_write_nanos: int = Field(sa_type=BigInteger)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_by: str = Field(default="", max_length=200)
