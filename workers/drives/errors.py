"""Define the errors of the files of a job whose drive is in object storage."""

from __future__ import annotations

from backend.core.errors import Conflict, TooLarge, field


class AttemptLost(Exception):
    """The attempt is not the running one any more: nothing of it may be written."""


class InputFileChanged(Conflict):
    """A file that the inputs name has changed since the job was submitted."""

    code = "input_file_changed"
    message = (
        "The file {path!r} that the inputs name was changed or deleted after the job was submitted, and the "
        "API key of the job may read only that version. Upload the file again and submit a new job, or give "
        "the key the scope 'drive:read'."
    )
    path: str


class InputFilesTooLarge(TooLarge):
    """The files that the inputs name exceed the size limit of a job."""

    code = "input_files_too_large"
    message = (
        "The files that the inputs name have {used_bytes:,} bytes in total; the limit of a job is "
        "{limit_bytes:,}. Name fewer or smaller files."
    )
    used_bytes: int
    limit_bytes: int


class InputFilesTooMany(TooLarge):
    """The inputs name more files than a job can fetch."""

    code = "input_files_too_many"
    message = (
        "The inputs name more than {most:,} files. Name fewer files; a job can fetch others with "
        "puras.drive.fetch(name)."
    )
    most: int


class ChangedFilesTooMuch(TooLarge):
    """The job changed more files in its drive than can be stored."""

    code = "changed_files_too_much"
    message = "The job left {what} in ./drive, and none of them were stored. Write less."
    what: str = field(in_body=False)
