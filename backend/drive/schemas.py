"""What the routes of the drive take and answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.drive.signing import MAX_TTL_S, MIN_TTL_S
from backend.schemas import Asked


class UploadAnswer(BaseModel):
    """A file that is in the drive now."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    drive_path: str
    """From the root of the drive; inputs of jobs and `sign` take it."""
    size_bytes: int
    sha256: str
    mime: str


class EntryAnswer(BaseModel):
    """A file or a folder."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    path: str
    """From the root of the drive."""
    size_bytes: int
    mime: str
    """By its name; empty for a folder."""
    modified_at: datetime
    is_folder: bool


class SignAsked(Asked):
    """A file to get an address for."""

    path: str
    """From the root of the drive."""
    ttl: int = Field(default=3600, ge=MIN_TTL_S, le=MAX_TTL_S)
    """Seconds that the address works."""
    workspace_id: UUID | None = None
    """The project, as older clients name it; must be the caller's own."""


class SignAnswer(BaseModel):
    """An address that opens the file without a key."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    signed_url: str
    expires_in: int
    """Seconds."""
