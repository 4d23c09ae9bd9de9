"""What can be wrong with a request to the drive.

PurasError
├── Missing
│   ├── DriveFileMissing  404  no such file, or a link, pipe or device where a file should be
│   └── BadSignature      404  the signed address is forged, changed or over its time
├── Conflict
│   ├── PathTaken         409  something else is in the way of the path
│   └── FolderNotEmpty    409  the folder to delete still has something in it
├── TooLarge
│   └── FileTooLarge      413
├── Malformed
│   └── BadUpload         400  the multipart body cannot be read
├── Invalid
│   └── BadDrivePath      422
└── Unavailable
    └── DriveFull         503  the disk under the drive has no room
"""

from __future__ import annotations

from backend.errors import Conflict, Invalid, Malformed, Missing, Problem, TooLarge, Unavailable


class DriveFileMissing(Missing):
    """There is no such file in the drive; links, pipes and devices are none."""

    code = "drive_file_not_found"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"There is no file {path!r} in the drive. List the drive to see what is; links do not count.",
            path=path,
        )


class BadSignature(Missing):
    """The signed address is not one of ours, was changed, or is over its time."""

    code = "bad_signature"

    def __init__(self) -> None:
        super().__init__("This address is not valid, or no longer. Get a new one with POST /v1/drive/sign.")


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


class FileTooLarge(TooLarge):
    """The file is over the limit."""

    code = "file_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"A file may have {limit_bytes:,} bytes at most. Split it, or let a job write it to ./drive.",
            limit_bytes=limit_bytes,
        )


class BadUpload(Malformed):
    """The multipart body of an upload cannot be read."""

    code = "bad_upload"


class BadDrivePath(Invalid):
    """The path cannot be one of the drive."""

    code = "bad_drive_path"

    def __init__(self, message: str) -> None:
        super().__init__(message, [Problem(path="path", message=message)])


class DriveFull(Unavailable):
    """The disk under the drive has no room."""

    code = "drive_full"

    def __init__(self) -> None:
        super().__init__(
            "There is no room left on this instance's disk. Delete files, or ask its operator for more.",
            retry_after_s=60,
        )
