"""Describe a file of an archive, and compute the digest over all files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """Name, size, hash and times of one file."""

    name: str
    """Folders are separated by `/`; a name that ends with one is an empty folder."""
    size_bytes: int
    sha256: str
    mode: int = 0o600
    modified_ns: int = 0

    def as_line(self) -> bytes:
        """Return the line that the digest of an archive is computed from."""
        fields = (self.name, self.size_bytes, self.sha256, self.mode, self.modified_ns)
        return json.dumps(fields).encode() + b"\n"


class Digest:
    """The digest over all files of an archive, in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.files = 0

    def add(self, entry: Entry) -> None:
        """Add the next file."""
        self._hash.update(entry.as_line())
        self.files += 1

    @property
    def sha256(self) -> str:
        """Return the hexadecimal digest of all files so far."""
        return self._hash.hexdigest()
