"""Errors of the files of a job with a staged drive.

PurasError
├── Conflict
│   └── InputFileChanged     409  a file that the inputs name has changed since submission
├── TooLarge
│   ├── InputFilesTooLarge   413  the files that the inputs name do not fit into the job
│   ├── InputFilesTooMany    413  the inputs name more files than can be fetched
│   └── ChangedFilesTooMuch  413  the job left more in its drive than can be stored
AttemptLost                       no error of the job: it runs elsewhere, or has ended
"""

from __future__ import annotations

from backend.core.errors import Conflict, TooLarge


class AttemptLost(Exception):
    """The attempt is not the running one any more: nothing of it may be written."""


class InputFileChanged(Conflict):
    """A file that the inputs name is not the one that was checked when the job was submitted."""

    code = "input_file_changed"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The file {path!r} that the inputs name was changed or deleted after the job was submitted, and the API "
            "key of the job may read that version alone. Upload the file again and submit a new job, or give the key "
            "the scope 'drive:read'.",
            path=path,
        )


class InputFilesTooLarge(TooLarge):
    """The files that the inputs name do not fit into the job."""

    code = "input_files_too_large"

    def __init__(self, used_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"The files that the inputs name have {used_bytes:,} bytes together, and a job may hold {limit_bytes:,}. "
            "Name fewer or smaller files.",
            used_bytes=used_bytes,
            limit_bytes=limit_bytes,
        )


class InputFilesTooMany(TooLarge):
    """The inputs name more files than can be fetched."""

    code = "input_files_too_many"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"The inputs name more than {most:,} files. Name fewer: a job gets others with puras.drive.fetch(name).",
            most=most,
        )


class ChangedFilesTooMuch(TooLarge):
    """The job left more in its drive than can be stored."""

    code = "changed_files_too_much"

    def __init__(self, what: str) -> None:
        super().__init__(f"The job left {what} in ./drive. Nothing of it was kept: write less.")
