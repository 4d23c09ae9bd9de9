"""Errors of backups and restores."""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import Conflict, PurasError, field


class BackupExists(Conflict):
    """The file exists."""

    code = "backup_exists"
    message = "{path} already exists. Choose another name, or a folder."
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
        """Return the detail of the error."""
        return f"{self.path} cannot be used: {self.why.lower()}. Check the path and its permissions."


class BackupNewer(PurasError):
    """The backup was created by a newer release."""

    code = "backup_newer"
    message = (
        "This backup has database revision {revision!r} of release {product}, which this release does not know. "
        "Restore it with the release that created it, or a newer one."
    )
    revision: str
    product: str = field(in_body=False)


class KeysMissing(PurasError):
    """The backup has no keys, and none were given."""

    code = "keys_missing"
    message = (
        "This backup does not contain the keys of its instance. Without them, stored secrets remain unreadable, and "
        "the signature of the backup cannot be verified. Store the key file at {key_file} (mode 600) or set "
        "SECRETS_ENC_KEY. To restore without keys, use --without-keys."
    )
    key_file: Path = field(in_body=False)


class WrongKeys(PurasError):
    """The given keys are not those of the instance that created the backup, or the backup was changed."""

    code = "wrong_keys"
    message = (
        "The given keys did not sign this backup: they belong to another instance, or the backup was changed. Use "
        "the keys of the instance that created it."
    )
