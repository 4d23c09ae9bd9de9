"""The metadata of a backup: a header at its start, a manifest and its signature at its end.

header.json                    versions, tables with their columns, estimates
keys/secrets.key               only with `--with-keys`
database/<table>/<number>      its rows in the format of `COPY … TO STDOUT`, in parts
bundles/<sha256>.zip
drive/<project>/<path>
manifest.json                  the total contents, and the digest of all earlier files
signature.json                 created with the keys of the instance
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.administration.archives.errors import ArchiveDamaged
from backend.administration.archives.reader import ArchiveFile

FORMAT: Final = "puras-backup"
HEADER, MANIFEST, SIGNATURE = "header.json", "manifest.json", "signature.json"
KEYS: Final = "keys/secrets.key"
PURPOSE: Final = "backup"
"""The purpose of the signature: a MAC for another purpose is not valid."""
MAX_BYTES: Final = 16 * 1024 * 1024

Name = Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(_Metadata):
    """A table and its columns, in the order of the values in its rows."""

    name: str = Name
    columns: list[str]


class Header(_Metadata):
    """The information that is needed to read the rest."""

    format: Literal["puras-backup"] = FORMAT
    version: Literal[1] = 1
    product: str
    """The release that created the backup."""
    revision: str
    """The revision of the database."""
    made_at: datetime
    has_keys: bool
    tables: list[Table]
    event_months: list[str]
    """The names of the partitions of `job_events`."""
    estimated_bytes: int
    """The approximate space that a restore needs."""


class Manifest(_Metadata):
    """The total contents of a backup."""

    rows: dict[str, int]
    """Number of rows by table."""
    sequences: dict[str, int | None]
    """Last value of each sequence; null if it was not used yet."""
    bundles: int
    bundles_bytes: int
    missing_bundles: list[str]
    """Bundles that are in the database, but were not in the storage when the backup was created."""
    drive_files: int
    drive_bytes: int
    vanished_files: int
    """Number of files of drives that were listed, but removed before they could be read."""
    locked_files: list[str] = Field(default_factory=list)
    """Files of drives that are not in the backup, because a process held a lease on them."""
    secrets: int
    """Number of rows that can be read only with the keys."""
    files: int
    """Number of files in the archive before the manifest."""
    sha256: str
    """Digest of all these files, in their order."""


class Signature(_Metadata):
    """Proof that the instance with these keys wrote the manifest."""

    mac: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hexadecimal."""


_Model = TypeVar("_Model", bound=_Metadata)


def parse(model: type[_Model], file: ArchiveFile) -> _Model:
    """Return the header, manifest or signature in a file of the archive.

    Raises:
        ArchiveDamaged: The file has another format.
    """
    return parse_text(model, file.entry.name, file.read(MAX_BYTES))


def parse_text(model: type[_Model], name: str, text: bytes) -> _Model:
    """Return the header, manifest or signature in a text.

    Raises:
        ArchiveDamaged: The text has another format.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in first["loc"])
        raise ArchiveDamaged(f"its {name} has an unknown format ({location}: {first['msg']}).") from None
