"""Define the requests and responses of the routes of the drive."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field, computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, RequestBody
from backend.data.drive.signing import MAX_TTL_S, MIN_TTL_S
from backend.data.drive.tables import DriveFile
from backend.data.drive.usage import Usage
from backend.storage import DriveEntry
from backend.storage.paths import MAX_PATH_BYTES


class UploadRead(Schema):
    """A file that is stored in the drive."""

    drive_path: str
    """Path from the root of the drive. Inputs of jobs and `POST /v1/drive/sign` accept it."""
    size_bytes: int
    sha256: str
    mime: str


class Writer(Schema):
    """The writer of a file."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal["job", "jobs", "key", "user", "system"]
    """`jobs`: one of several jobs; which one is unknown."""
    id: UUID | None = None
    """ID of the job, the key or the user."""
    ids: list[UUID] = Field(default_factory=list)
    """IDs of the jobs that may have written it."""
    label: str | None = None
    """A readable name, such as `key:ab12cd34`."""


class DriveEntryRead(Schema):
    """A file or a folder."""

    path: str
    """Path from the root of the drive."""
    size_bytes: int
    mime: str
    """Media type by the name of the file; empty for a folder."""
    modified_at: datetime
    is_folder: bool
    sha256: str | None = None
    """None until the hash of the whole file has been computed; `GET /v1/drive/facts` computes it."""
    written_by: Writer | None = None
    """None if it is unknown."""
    written_at: datetime | None = None

    @classmethod
    def of(cls, entry: DriveEntry, known: DriveFile | None = None) -> DriveEntryRead:
        """Return an entry of the storage with the stored metadata."""
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


class DriveUsageRead(Schema):
    """The usage and the limits of a drive."""

    used_bytes: int
    used_files: int
    """Including folders."""
    reserved_bytes: int
    """Reserved for unfinished uploads; counts toward the limit."""
    limit_bytes: int
    limit_files: int
    counted_at: datetime | None
    """When the whole drive was measured last, or up to a minute before if that has changed nothing. Later writes over
    the API are included in the numbers."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def waiting_bytes(self) -> int:
        """The former name of `reserved_bytes`. Removed in 0.3."""
        return self.reserved_bytes

    @classmethod
    def of(cls, usage: Usage) -> DriveUsageRead:
        """Return the response for a count."""
        return cls(
            used_bytes=usage.bytes,
            used_files=usage.files,
            reserved_bytes=usage.waiting_bytes,
            limit_bytes=usage.max_bytes,
            limit_files=usage.max_files,
            counted_at=usage.counted_at,
        )


class FolderCreate(RequestBody):
    """A folder to create."""

    path: str = Field(max_length=2 * MAX_PATH_BYTES)
    """Path from the root of the drive. Missing parent folders are created."""


class FileTransfer(RequestBody):
    """A file or a folder, and its new path."""

    source: str = Field(max_length=2 * MAX_PATH_BYTES)
    target: str = Field(max_length=2 * MAX_PATH_BYTES)
    overwrite: bool = False
    """Whether to replace a file at the target. A folder is never replaced."""


class DeletedRead(Schema):
    """The result of the deletion of a folder."""

    deleted: int
    """Number of files and folders."""
    is_done: bool
    """False: repeat the request, since one request deletes a limited number of files."""


class SignedUrlCreate(RequestBody):
    """A file to create a URL for."""

    path: str
    """Path from the root of the drive."""
    ttl: int = Field(default=3600, ge=MIN_TTL_S, le=MAX_TTL_S)
    """Seconds until the URL expires."""
    workspace_id: UUID | None = None
    """The project, under the name that older clients use. Must be the caller's own."""


class SignedUrlRead(Schema):
    """A URL that opens the file without an API key."""

    path: str
    signed_url: str
    expires_in: int
    """Seconds until the URL expires."""
