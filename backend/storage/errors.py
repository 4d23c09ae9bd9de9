"""Errors of the storage of bundles and files."""

from __future__ import annotations

from backend.core.errors import Missing, PurasError, TooLarge, Unavailable


class BundleDamaged(PurasError):
    """The stored bytes do not match their hash."""

    code = "bundle_damaged"
    message = (
        "The bytes of bundle {sha256} do not match this hash. Restore it from a backup, or push it again."
    )
    sha256: str


class BundleMissing(Missing):
    """The storage has no bundle with this hash."""

    code = "bundle_not_found"
    message = "The bundle {sha256} is not in the storage. Restore it from a backup, or push it again."
    sha256: str


class StoredFileTooLarge(TooLarge):
    """The file exceeds the size limit of the storage."""

    code = "file_too_large"
    message = (
        "The file exceeds the size limit of the storage of this instance. Split the file, or ask the operator to raise "
        "the size limit of the bucket and of the Supabase project."
    )


class StorageUnavailable(Unavailable):
    """The storage does not respond, or fails."""

    code = "storage_unavailable"
    message = "The file storage does not respond. No data was lost; retry later."

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, retry_after_s=5)


class StorageRefusedUs(StorageUnavailable):
    """The storage rejects the credentials of this instance, or a bucket is missing."""

    message = (
        "The file storage rejects the credentials of this instance. The operator finds the cause with "
        "`puras-studio doctor --supabase`."
    )
