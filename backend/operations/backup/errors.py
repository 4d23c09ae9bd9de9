"""What can keep a backup from being made or restored.

PurasError
├── Conflict
│   ├── BackupExists      409  there is a file at the path already
│   └── NotEmpty          409  the home or the database to restore into holds something
├── BackupUnreadable      500  the file cannot be opened
├── BackupNewer           500  made by a release that this one does not know
├── KeysMissing           500  the backup has no keys, and none were given
└── WrongKeys             500  the given keys are not those of the instance that made it
"""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, PurasError


class BackupExists(Conflict):
    """There is a file at the path already."""

    code = "backup_exists"

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already. Choose another name, or name a folder.")


class NotEmpty(Conflict):
    """What to restore into holds something already."""

    code = "not_empty"


class BackupUnreadable(PurasError):
    """The file cannot be opened."""

    code = "backup_unreadable"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be used: {why.lower()}. Check the path and who may use it.")


class BackupNewer(PurasError):
    """The backup was made by a release that this one does not know."""

    code = "backup_newer"

    def __init__(self, revision: str, product: str) -> None:
        super().__init__(
            f"This backup is of database revision {revision!r}, made by release {product}, and this release does not "
            "know that revision. Restore it with the release that made it, or a newer one.",
            revision=revision,
        )


class KeysMissing(PurasError):
    """The backup has no keys, and none were given."""

    code = "keys_missing"

    def __init__(self, key_file: Path) -> None:
        super().__init__(
            "This backup does not hold the keys of its instance, and without them stored secrets stay unreadable and "
            f"nobody can tell whether the backup was changed. Put the key file at {key_file} (mode 600) or set "
            "SECRETS_ENC_KEY; with --without-keys it is restored all the same."
        )


class WrongKeys(PurasError):
    """The given keys are not those of the instance that made the backup, or the backup was changed."""

    code = "wrong_keys"

    def __init__(self) -> None:
        super().__init__(
            "The given keys did not sign this backup: they are of another instance, or somebody changed the backup. "
            "Give the keys of the instance that made it."
        )
