"""What a backup says of itself: a header before everything, a manifest and its signature behind everything.

header.json                    versions, tables with their columns, estimates
keys/secrets.key               only with `--with-keys`
database/<table>/<number>      its rows, as `COPY … TO STDOUT` writes them, in parts
bundles/<sha256>.zip
drive/<project>/<path>
manifest.json                  what there is in all, and the digest over all files before it
signature.json                 made with the instance's keys
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
"""What the signature is made for: a MAC of something else is none."""
MAX_BYTES: Final = 16 * 1024 * 1024

Name = Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(_Told):
    """A table and its columns, in the order of the rows' values."""

    name: str = Name
    columns: list[str]


class Header(_Told):
    """What must be known before the rest can be read."""

    format: Literal["puras-backup"] = FORMAT
    version: Literal[1] = 1
    product: str
    """Release that made it."""
    revision: str
    """Of the database."""
    made_at: datetime
    has_keys: bool
    tables: list[Table]
    event_months: list[str]
    """Partitions of `job_events` by their names."""
    estimated_bytes: int
    """About as much space is needed to restore it."""


class Manifest(_Told):
    """What there is in all."""

    rows: dict[str, int]
    """By table."""
    sequences: dict[str, int | None]
    """Last value of each; none where nothing was taken yet."""
    bundles: int
    bundles_bytes: int
    missing_bundles: list[str]
    """Named by the database and not in the storage when the backup was made."""
    drive_files: int
    drive_bytes: int
    vanished_files: int
    """Of drives: listed, and gone before they could be read."""
    locked_files: list[str] = Field(default_factory=list)
    """Of drives: not in the backup, since a process held a lease on them."""
    secrets: int
    """Rows that can be read only with the keys."""
    files: int
    """In the archive, before this one."""
    sha256: str
    """Over all of them, in their order."""


class Signature(_Told):
    """Proof that the instance with these keys wrote the manifest."""

    mac: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Hexadecimal."""


_Model = TypeVar("_Model", bound=_Told)


def parse(model: type[_Model], file: ArchiveFile) -> _Model:
    """One of the above, as the archive has it.

    Raises:
        ArchiveDamaged: It is not one.
    """
    return parse_text(model, file.entry.name, file.read(MAX_BYTES))


def parse_text(model: type[_Model], name: str, text: bytes) -> _Model:
    """Return the same, from its bytes.

    Raises:
        ArchiveDamaged: It is not one.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ArchiveDamaged(f"its {name} is not one of ours ({place}: {first['msg']}).") from None
