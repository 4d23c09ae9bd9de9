"""Errors of backups and restores."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, PurasError, field


class BackupExists(Conflict):
    """The file exists."""

    code = "backup_exists"
    message = "{path} exists already. Choose another name, or name a folder."
    path: Path = field(in_body=False)


class NotEmpty(Conflict):
    """The target of the restore is not empty."""

    code = "not_empty"


class BackupUnreadable(PurasError):
    """The file cannot be opened."""

    code = "backup_unreadable"
    path: Path = field(in_body=False)
    why: str = field(in_body=False)

    def describe(self) -> str:
        return f"{self.path} cannot be used: {self.why.lower()}. Check the path and who may use it."


class BackupNewer(PurasError):
    """The backup was created by a newer release."""

    code = "backup_newer"
    message = (
        "This backup is of database revision {revision!r}, made by release {product}, and this release does not know "
        "that revision. Restore it with the release that made it, or a newer one."
    )
    revision: str
    product: str = field(in_body=False)


class KeysMissing(PurasError):
    """The backup has no keys, and none were given."""

    code = "keys_missing"
    message = (
        "This backup does not hold the keys of its instance, and without them stored secrets stay unreadable and "
        "it is not possible to check whether the backup was changed. Put the key file at {key_file} (mode 600) or set "
        "SECRETS_ENC_KEY; with --without-keys it is restored all the same."
    )
    key_file: Path = field(in_body=False)


class WrongKeys(PurasError):
    """The given keys are not those of the instance that created the backup, or the backup was changed."""

    code = "wrong_keys"
    message = (
        "The given keys did not sign this backup: they belong to another instance, or the backup was changed. Give "
        "the keys of the instance that made it."
    )
