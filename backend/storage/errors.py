"""What can be wrong with what is stored, and with the storage itself.

PurasError
├── BundleDamaged           500  stored or given bytes do not have the hash they should have
├── Missing
│   └── BundleMissing       404
├── TooLarge
│   └── StoredFileTooLarge  413  the storage takes no file of that size
└── Unavailable
    ├── StorageUnavailable  503  the storage does not answer, or not well
    └── StorageRefusedUs    503  the storage answers, and does not let this instance in
"""

from __future__ import annotations

from backend.core.errors import Missing, PurasError, TooLarge, Unavailable


class BundleDamaged(PurasError):
    """The bytes do not have the hash they should have."""

    code = "bundle_damaged"

    def __init__(self, sha256: str) -> None:
        super().__init__(
            f"The bytes of bundle {sha256} have not that hash. Restore it from a backup, or push it again.",
            sha256=sha256,
        )


class BundleMissing(Missing):
    """There is no bundle of that hash."""

    code = "bundle_not_found"

    def __init__(self, sha256: str) -> None:
        super().__init__(
            f"The bundle {sha256} is not in the storage. Restore it from a backup, or push it again.",
            sha256=sha256,
        )


class StoredFileTooLarge(TooLarge):
    """The storage takes no file of that size."""

    code = "file_too_large"

    def __init__(self) -> None:
        super().__init__(
            "The storage behind this instance takes no file of that size. Split it, or ask the operator to raise the "
            "size limit of the bucket and of the Supabase project."
        )


class StorageUnavailable(Unavailable):
    """The storage does not answer, or not well."""

    code = "storage_unavailable"

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            detail or "The storage of files does not answer. Nothing was lost: try again in a moment.",
            retry_after_s=5,
        )


class StorageRefusedUs(StorageUnavailable):
    """The storage answers, and does not let this instance in: its key is wrong, or a bucket is missing."""

    def __init__(self) -> None:
        super().__init__(
            "The storage of files does not let this instance in. Its operator finds the cause with "
            "`puras-studio doctor --supabase`."
        )
