"""What can be wrong with a request to the drive.

PurasError
├── TusVersionNotSpoken   412  the request speaks another version of the upload protocol
├── UploadBusy            423  another request is writing the upload
├── ChecksumMismatch      460  the bytes have another checksum
├── RangeBehindEnd        416  the part that is asked for begins behind the end of the file
├── Missing
│   ├── DriveFileMissing  404  no such file, or a link, pipe or device where a file should be
│   ├── BadSignature      404  the signed address is forged or changed
│   └── UploadMissing     404  no such upload that goes on later
├── NotAllowed
│   └── SignatureExpired  403  the signed address is over its time
├── Conflict
│   ├── PathTaken         409  something else is in the way of the path
│   ├── FolderNotEmpty    409  the folder to delete still has something in it
│   ├── WrongOffset       409  the upload is not as far as the request says
│   ├── DriveOverQuota    409  jobs have filled the drive to twice what it may hold
│   ├── DriveGrew         409  a job made a drive larger that holds more than it may
│   └── DriveQuotaReached 409  the project's drive has no room for it
├── TooLarge
│   ├── FileTooLarge      413
│   ├── UploadChunkTooLarge 413  more bytes than the upload has left
│   └── FolderTooLarge    413  a folder with too many files to be moved
├── Malformed
│   ├── NoSuchOverride    400
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

from backend.errors import (
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
from backend.limits.quotas import Quota

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


class UploadMissing(Missing):
    """There is no such upload any more, or not on this machine."""

    code = "upload_not_found"

    def __init__(self) -> None:
        super().__init__(
            "There is no such upload: it was given up, or nobody went on with it for a day. Begin anew."
        )


class WrongOffset(Conflict):
    """The upload is not as far as the request says, or farther."""

    code = "wrong_upload_offset"

    def __init__(self, asked: int, offset: int) -> None:
        super().__init__(
            f"The upload has {offset:,} bytes, and Upload-Offset says {asked:,}. Go on from there.",
            offset=offset,
        )


class UploadChunkTooLarge(TooLarge):
    """More bytes came than the upload has left."""

    code = "upload_chunk_too_large"

    def __init__(self, length: int) -> None:
        super().__init__(
            f"The upload has {length:,} bytes in all, and more came. Begin another one.", length=length
        )


class UploadBusy(PurasError):
    """Another request is writing the upload."""

    status = 423
    code = "upload_busy"

    def __init__(self) -> None:
        super().__init__(
            "Another request is writing this upload. Wait for it to end, and ask how far it came."
        )


class ChecksumMismatch(PurasError):
    """The bytes have another checksum than they should; none of them was kept."""

    status = 460
    code = "checksum_mismatch"

    def __init__(self, algorithm: str) -> None:
        super().__init__(
            f"The bytes do not have the {algorithm} that Upload-Checksum gives. None was kept: send them again."
        )


class TusVersionNotSpoken(PurasError):
    """The request speaks another version of the protocol, or does not say which."""

    status = 412
    code = "tus_version"

    def __init__(self, version: str) -> None:
        super().__init__(
            f"These routes speak the tus protocol {version}. Send the header 'Tus-Resumable: {version}', or use "
            "POST /v1/drive/upload.",
        )


class NoSuchOverride(Malformed):
    """An upload can be gone on with, read and given up, and nothing else."""

    code = "bad_upload"

    def __init__(self, asked: str) -> None:
        super().__init__(
            f"Send PATCH, HEAD or DELETE, or name one of them in X-HTTP-Method-Override, which says {asked[:40]!r}."
        )
