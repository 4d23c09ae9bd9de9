"""The parts of a backup, in the form in which the reader yields them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from backend.administration.archives.reader import ArchiveFile
from backend.operations.backup.contents import Table
from backend.storage.paths import DrivePath


@dataclass(slots=True)
class Rows:
    """Some rows of a table, as text with a line for each."""

    table: Table
    file: ArchiveFile
    count: int = field(default=0, init=False)
    """Number of rows that were read."""

    def chunks(self) -> Iterator[bytes]:
        """Yield the text of the rows."""
        for chunk in self.file.chunks():
            self.count += chunk.count(b"\n")
            yield chunk


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle."""

    sha256: str
    file: ArchiveFile


@dataclass(frozen=True, slots=True)
class Stored:
    """A file or a folder of a drive."""

    project_id: UUID
    path: DrivePath
    file: ArchiveFile

    @property
    def is_folder(self) -> bool:
        """Return whether it is a folder."""
        return self.file.entry.name.endswith("/")


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the instance."""

    text: str = field(repr=False)


Piece = Rows | Bundle | Stored | Keys
