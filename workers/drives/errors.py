"""What can be wrong with the files of a job whose drive is elsewhere.

PurasError
├── TooLarge
│   ├── InputFilesTooLarge   413  the files that the inputs name do not fit into the job
│   ├── InputFilesTooMany    413  the inputs name more files than can be fetched
│   └── ChangedFilesTooMuch  413  the job left more in its drive than can be put back
AttemptLost                       no error of the job's: it runs elsewhere, or has ended
"""

from __future__ import annotations

from backend.errors import TooLarge


class AttemptLost(Exception):
    """The attempt is not the running one any more: nothing of it may be written."""


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
    """The job left more in its drive than can be put back."""

    code = "changed_files_too_much"

    def __init__(self, what: str) -> None:
        super().__init__(f"The job left {what} in ./drive. Nothing of it was kept: write less.")
