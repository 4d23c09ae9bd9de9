"""What can be wrong with a request to the drive; `upload_errors` has what can be wrong with uploads that go on later.

PurasError
├── RangeBehindEnd        416  the part that is asked for begins behind the end of the file
├── Missing
│   ├── DriveFileMissing  404  no such file, or a link, pipe or device where a file should be
│   ├── FileReplaced      404  the file is not of the version that may be read
│   └── BadSignature      404  the signed address is forged or changed
├── NotAllowed
│   └── SignatureExpired  403  the signed address is over its time
├── Conflict
│   ├── PathTaken         409  something else is in the way of the path
│   ├── DriveFileLocked   409  a process holds a lease on the file
│   ├── DriveFileChanged  409  the file was changed while it was moved
│   ├── FolderNotEmpty    409  the folder to delete still has something in it
│   ├── DriveOverQuota    409  jobs have filled the drive to twice what it may hold
│   ├── DriveGrew         409  a job made a drive larger that holds more than it may
│   └── DriveQuotaReached 409  the project's drive has no room for it
├── TooLarge
│   ├── FileTooLarge      413
│   └── FolderTooLarge    413  a folder with too many files to be moved
├── Malformed
│   └── BadUpload         400  the body or the headers of an upload cannot be read
├── Invalid
│   ├── BadDrivePath      422
│   └── DigestMismatch    422  what came is not what the digest says
└── Unavailable
    └── DriveFull         503  the disk under the drive has no room
"""

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
)

_UNITS: Final = {Quota.DRIVE_MB: "bytes", Quota.DRIVE_FILES: "files and folders"}


def _how_to_make_room(quota: Quota) -> str:
    return (
        "Delete files that are not needed (`DELETE /v1/drive/files/…` and `/v1/drive/folders/…`), or ask the operator "
        f"for more: `puras-studio project limits PROJECT --{quota.replace('_', '-')} …`."
    )


class DriveFileMissing(Missing):
    """There is no such file in the drive; links, pipes and devices are none."""

    code = "drive_file_not_found"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There is no file {path!r} in the drive. List the drive to see what is; links do not count.",
            path=path,
        )


class FileReplaced(Missing):
    """The file was changed or replaced, and the caller may read only its earlier version."""

    code = "drive_file_replaced"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The file {path!r} in the drive was changed or replaced after the job finished that made it, and this URL "
            "or API key opens only what the job made. Read the file with a key that has the scope 'drive:read', or run "
            "the job again.",
            path=path,
        )


class BadSignature(Missing):
    """The signed address is not one of ours, was changed, or its project is gone."""

    code = "bad_signature"

    def __init__(self) -> None:
        super().__init__("This address is not valid. Get a new one with POST /v1/drive/sign.")


class SignatureExpired(NotAllowed):
    """The signed address is over its time."""

    code = "signature_expired"

    def __init__(self, expired_at: datetime) -> None:
        super().__init__(
            f"This address worked until {expired_at:%Y-%m-%d %H:%M:%S} UTC. Ask whoever gave it to you for a new one; "
            "they get it with POST /v1/drive/sign.",
            expired_at=expired_at.isoformat(),
        )


class PathTaken(Conflict):
    """Something else is in the way of the path."""

    code = "drive_path_taken"

    def __init__(self, path: str, taken_by: str) -> None:
        super().__init__(f"{taken_by} is in the way of {path!r} in the drive. Use another path.", path=path)


class DriveFileLocked(Conflict):
    """A process holds a lease on the file, so that it cannot be opened now."""

    code = "drive_file_locked"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"A process holds a lease on the file {path!r} in the drive. Try again in a minute: the kernel ends it.",
            path=path,
        )


class DriveFileChanged(Conflict):
    """The file was changed or replaced while it was moved."""

    code = "drive_file_changed"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The file {path!r} in the drive was changed or replaced while it was moved. List the drive, and move it "
            "again if it is still there.",
            path=path,
        )


class FolderNotEmpty(Conflict):
    """The folder still has something in it."""

    code = "drive_folder_not_empty"

    def __init__(self, path: str) -> None:
        super().__init__(f"The folder {path!r} is not empty. Delete the files in it first.", path=path)


class DriveQuotaReached(Conflict):
    """The project's drive has no room for it."""

    code = "quota_reached"

    def __init__(self, quota: Quota, limit: int, used: int, wanted: int) -> None:
        super().__init__(
            f"The drive of this project may hold {limit:,} {_UNITS[quota]}, holds {used:,}, and {wanted:,} more do not "
            f"fit. {_how_to_make_room(quota)}",
            quota=quota,
            limit=limit,
            used=used,
            wanted=wanted,
            unit=_UNITS[quota],
        )


class DriveOverQuota(Conflict):
    """Jobs have filled the drive to twice what it may hold, and no other one begins before there is room."""

    code = "drive_over_quota"

    def __init__(self, quota: Quota, limit: int, used: int) -> None:
        super().__init__(
            f"The drive of this project may hold {limit:,} {_UNITS[quota]} and holds {used:,}, more than twice as "
            f"much: no job begins. Some seconds after enough was deleted they do. {_how_to_make_room(quota)}",
            quota=quota,
            limit=limit,
            used=used,
            unit=_UNITS[quota],
        )


class DriveGrew(Conflict):
    """The job made a drive larger that holds more than it may."""

    code = "drive_over_quota"

    def __init__(self, quota: Quota, limit: int, before: int, grown: int) -> None:
        super().__init__(
            f"The drive of this project may hold {limit:,} {_UNITS[quota]} and held {before:,} when the job began. "
            f"Such a job may change and delete files, but the drive grew by {grown:,} while it ran, and the job was "
            f"ended. What it wrote is still there. {_how_to_make_room(quota)}",
            quota=quota,
            limit=limit,
            used=before + grown,
            grown=grown,
            unit=_UNITS[quota],
        )


class FolderTooLarge(TooLarge):
    """The folder has more files than can be moved at once."""

    code = "folder_too_large"

    def __init__(self, path: str, most: int) -> None:
        super().__init__(
            f"The folder {path!r} has more than {most:,} files, each of which this instance's storage has to copy. "
            "Move the folders in it one by one.",
            most=most,
        )


class FileTooLarge(TooLarge):
    """The file is over the limit."""

    code = "file_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"A file may have {limit_bytes:,} bytes at most. Split it, or let a job write it to ./drive.",
            limit_bytes=limit_bytes,
        )


class RangeBehindEnd(PurasError):
    """The part that is asked for begins behind the end of the file."""

    status = 416
    code = "range_not_satisfiable"

    def __init__(self, asked: str, size_bytes: int) -> None:
        super().__init__(
            f"The Range {asked[:80]!r} begins behind the end of the file, which has {size_bytes:,} bytes.",
            size_bytes=size_bytes,
        )


class BadUpload(Malformed):
    """The body or the headers of an upload cannot be read."""

    code = "bad_upload"


class BadDrivePath(Invalid):
    """The path cannot be one of the drive."""

    code = "bad_drive_path"

    def __init__(self, message: str) -> None:
        super().__init__(message, [Problem(path="path", message=message)])


class DigestMismatch(Invalid):
    """What came is not what the digest says."""

    code = "digest_mismatch"

    def __init__(self, header: str) -> None:
        message = (
            f"The content does not have the digest that {header} gives. Nothing was stored: send it again."
        )
        super().__init__(message, [Problem(path=f"header.{header}", message=message)])


class DriveFull(Unavailable):
    """The disk under the drive has no room."""

    code = "drive_full"

    def __init__(self) -> None:
        super().__init__(
            "There is no room left on this instance's disk. Delete files, or ask its operator for more.",
            retry_after_s=60,
        )
