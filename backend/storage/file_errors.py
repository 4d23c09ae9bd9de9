"""Errors of files in the drive. `data/drive/upload_errors.py` has those of resumable uploads."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from backend.config.quotas import Quota
from backend.core.errors import (
    Conflict,
    Invalid,
    Malformed,
    Missing,
    NotAllowed,
    Problem,
    PurasError,
    TooLarge,
    Unavailable,
    field,
)

_UNITS: Final = {Quota.DRIVE_MB: "bytes", Quota.DRIVE_FILES: "files and folders"}


def _quota_hint(quota: Quota) -> str:
    return (
        "Delete files that are not needed (`DELETE /v1/drive/files/…` and `/v1/drive/folders/…`), or ask the operator "
        f"for more: `puras-studio project limits PROJECT --{quota.replace('_', '-')} …`."
    )


class DriveFileMissing(Missing):
    """The drive has no such file. Links, pipes and devices do not count."""

    code = "drive_file_not_found"
    message = "The drive has no file {path!r}. List the drive to see its files; links do not count."
    path: str


class FileReplaced(Missing):
    """The file was replaced, and the caller may read only the earlier version."""

    code = "drive_file_replaced"
    message = (
        "The file {path!r} in the drive was changed or replaced after the job that wrote it, and this URL or API key "
        "allows only the version of the job. Read the file with a key that has the scope 'drive:read', or run the "
        "job again."
    )
    path: str


class BadSignature(Missing):
    """The signed URL is invalid, or its project was deleted."""

    code = "bad_signature"
    message = "This URL is not valid. Get a new one with POST /v1/drive/sign."


class SignatureExpired(NotAllowed):
    """The signed URL has expired."""

    code = "signature_expired"
    message = (
        "This URL was valid until {expired_at:%Y-%m-%d %H:%M:%S} UTC. Ask the sender for a new one; "
        "the sender creates it with POST /v1/drive/sign."
    )
    expired_at: datetime


class PathTaken(Conflict):
    """Another file or folder has the path."""

    code = "drive_path_taken"
    message = "{taken_by} prevents the path {path!r} in the drive. Use another path."
    path: str
    taken_by: str = field(in_body=False)


class DriveFileLocked(Conflict):
    """A process holds a lease on the file."""

    code = "drive_file_locked"
    message = (
        "A process holds a lease on the file {path!r} in the drive. Retry in a minute: the kernel ends it."
    )
    path: str


class DriveFileChanged(Conflict):
    """The file was changed or replaced while it was moved."""

    code = "drive_file_changed"
    message = (
        "The file {path!r} in the drive was changed or replaced while it was moved. List the drive, and move it "
        "again if it is still there."
    )
    path: str


class FolderNotEmpty(Conflict):
    """The folder is not empty."""

    code = "drive_folder_not_empty"
    message = "The folder {path!r} is not empty. Delete the files in it first."
    path: str


class DriveQuotaReached(Conflict):
    """The drive of the project has reached a quota."""

    code = "quota_reached"

    def __init__(self, quota: Quota, limit: int, used: int, wanted: int) -> None:
        super().__init__(
            f"The drive of this project may have {limit:,} {_UNITS[quota]} and has {used:,}, so {wanted:,} more would "
            f"exceed its quota. {_quota_hint(quota)}",
            quota=quota,
            limit=limit,
            used=used,
            wanted=wanted,
            unit=_UNITS[quota],
        )


class DriveOverQuota(Conflict):
    """The drive holds more than twice its quota. No job starts until files are deleted."""

    code = "drive_over_quota"

    def __init__(self, quota: Quota, limit: int, used: int) -> None:
        super().__init__(
            f"The drive of this project may have {limit:,} {_UNITS[quota]} and has {used:,}, more than twice its "
            f"quota, so no job starts. Jobs start again some seconds after enough files were deleted. "
            f"{_quota_hint(quota)}",
            quota=quota,
            limit=limit,
            used=used,
            unit=_UNITS[quota],
        )


class DriveGrew(Conflict):
    """The job added files to a drive that exceeds its quota."""

    code = "drive_over_quota"

    def __init__(self, quota: Quota, limit: int, before: int, grown: int) -> None:
        super().__init__(
            f"The drive of this project may have {limit:,} {_UNITS[quota]} and had {before:,} when the job started. "
            f"Such a job may change and delete files, but the drive grew by {grown:,} while it ran, so the job was "
            f"stopped. The files that it wrote are still there. {_quota_hint(quota)}",
            quota=quota,
            limit=limit,
            used=before + grown,
            grown=grown,
            unit=_UNITS[quota],
        )


class FolderTooLarge(TooLarge):
    """The folder has too many files to be moved."""

    code = "folder_too_large"
    message = (
        "The folder {path!r} has more than {most:,} files, each of which the storage of this instance has to copy. "
        "Move its folders one by one."
    )
    path: str = field(in_body=False)
    most: int


class FileTooLarge(TooLarge):
    """The file exceeds the size limit."""

    code = "file_too_large"
    message = "A file may have {limit_bytes:,} bytes at most. Split it, or let a job write it to ./drive."
    limit_bytes: int


class RangeAfterEnd(PurasError):
    """The requested range starts after the end of the file."""

    status = 416
    code = "range_not_satisfiable"
    message = "The Range {requested!r} starts after the end of the file, which has {size_bytes:,} bytes."
    requested: str = field(in_body=False, max_length=80)
    size_bytes: int


class BadUpload(Malformed):
    """The body or the headers of an upload are malformed."""

    code = "bad_upload"


class BadDrivePath(Invalid):
    """The path is not valid in the drive."""

    code = "bad_drive_path"

    def __init__(self, message: str) -> None:
        super().__init__(message, [Problem(path="path", message=message)])


class DigestMismatch(Invalid):
    """The content does not match its digest."""

    code = "digest_mismatch"

    def __init__(self, header: str) -> None:
        message = (
            f"The content does not have the digest that {header} gives. Nothing was stored: send it again."
        )
        super().__init__(message, [Problem(path=f"header.{header}", message=message)])


class DriveFull(Unavailable):
    """The disk of the drive is full."""

    code = "drive_full"
    message = "The disk of this instance is full. Delete files, or ask the operator for more disk space."
    retry_after_s: int = 60
