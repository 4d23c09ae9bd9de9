"""What the routes of the drive take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Asked
from backend.data.drive.signing import MAX_TTL_S, MIN_TTL_S
from backend.data.drive.tables import DriveFile
from backend.data.drive.usage import Usage
from backend.storage import DriveEntry
from backend.storage.paths import MAX_PATH_BYTES


class UploadRead(BaseModel):
    """A file that is in the drive now."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    drive_path: str
    """From the root of the drive; inputs of jobs and `sign` take it."""
    size_bytes: int
    sha256: str
    mime: str


class Writer(BaseModel):
    """Who wrote a file."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="ignore")

    kind: Literal["job", "jobs", "key", "user", "system"]
    """`jobs`: one of several, of which nobody can say which."""
    id: UUID | None = None
    """Of the job, the key or the user."""
    ids: list[UUID] = Field(default_factory=list)
    """Of the jobs that it may have been."""
    label: str | None = None
    """How people call it: `key:ab12cd34`."""


class DriveEntryRead(BaseModel):
    """A file or a folder."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    """From the root of the drive."""
    size_bytes: int
    mime: str
    """By its name; empty for a folder."""
    modified_at: datetime
    is_folder: bool
    sha256: str | None = None
    """None while nobody has read the whole file for it; `GET /v1/drive/facts` does."""
    written_by: Writer | None = None
    """None when nobody knows."""
    written_at: datetime | None = None

    @classmethod
    def of(cls, entry: DriveEntry, known: DriveFile | None = None) -> DriveEntryRead:
        """An entry with what is known of it."""
        return cls(
            path=entry.path,
            size_bytes=entry.size_bytes,
            mime=entry.mime,
            modified_at=entry.modified_at,
            is_folder=entry.is_folder,
            sha256=known.sha256 if known else None,
            written_by=Writer.model_validate(known.written_by) if known and known.written_by else None,
            written_at=known.written_at if known else None,
        )


class DriveUsageRead(BaseModel):
    """How much a drive holds, and may."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    used_bytes: int
    used_files: int
    """And folders."""
    waiting_bytes: int
    """Held for uploads on their way, which count too."""
    limit_bytes: int
    limit_files: int
    counted_at: datetime | None
    """When everything was last looked at; what was written over the API since is in the numbers."""

    @classmethod
    def of(cls, usage: Usage) -> DriveUsageRead:
        """The numbers as an answer."""
        return cls(
            used_bytes=usage.bytes,
            used_files=usage.files,
            waiting_bytes=usage.waiting_bytes,
            limit_bytes=usage.most_bytes,
            limit_files=usage.most_files,
            counted_at=usage.counted_at,
        )


class FolderCreate(Asked):
    """A folder to make."""

    path: str = Field(max_length=2 * MAX_PATH_BYTES)
    """From the root of the drive; folders around it are made too."""


class FileTransfer(Asked):
    """A file or a folder, and the path that it is to have."""

    source: str = Field(max_length=2 * MAX_PATH_BYTES)
    target: str = Field(max_length=2 * MAX_PATH_BYTES)
    overwrite: bool = False
    """Whether a file that has the path already goes; a folder never does."""


class DeletedRead(BaseModel):
    """What was deleted of a folder."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    deleted: int
    """Files and folders."""
    is_done: bool
    """If not, ask again: so many go at a time."""


class SignedUrlCreate(Asked):
    """A file to get an address for."""

    path: str
    """From the root of the drive."""
    ttl: int = Field(default=3600, ge=MIN_TTL_S, le=MAX_TTL_S)
    """Seconds that the address works."""
    workspace_id: UUID | None = None
    """The project, as older clients name it; must be the caller's own."""


class SignedUrlRead(BaseModel):
    """An address that opens the file without a key."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    path: str
    signed_url: str
    expires_in: int
    """Seconds."""
