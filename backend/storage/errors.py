"""What can be wrong with stored bundles.

PurasError
├── BundleDamaged        500  stored or given bytes do not have the hash they should have
└── Missing
    └── BundleMissing    404
"""

from __future__ import annotations

from backend.errors import Missing, PurasError


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
