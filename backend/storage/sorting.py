"""Sort the content of one folder by name, size or time, and select a page of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import nlargest, nsmallest
from typing import Final, Literal, NamedTuple, Protocol, TypeVar

SortField = Literal["name", "size", "modified"]
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FOLDER_BYTES: Final = -1
"""Folders have no size, and come before empty files."""

MAX_SORTED_ENTRIES: Final = 10_000
"""Entries of a folder that a remote storage, which lists by name, reads to sort them."""


class Entry(Protocol):
    """What is sorted: a file or a folder."""

    @property
    def path(self) -> str:
        """Return the path, whose last part is the name."""

    @property
    def size_bytes(self) -> int:
        """Return the size of a file."""

    @property
    def modified_at(self) -> datetime:
        """Return the time of the last change."""

    @property
    def is_folder(self) -> bool:
        """Return whether it is a folder."""


EntryT = TypeVar("EntryT", bound=Entry)


class SortedPlace(NamedTuple):
    """The place of an entry in a sorted folder; entries with the same number are sorted by their name."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class SortedSearch:
    """Which entries of a folder to return, and in which order."""

    field: SortField
    is_descending: bool
    text: str
    """A part of the names, in any case; empty for all."""
    name_prefix: str
    after: SortedPlace | None
    """Entries up to this place are omitted."""
    limit: int

    def place_of(self, entry: Entry) -> SortedPlace:
        """Return the place of an entry."""
        name = entry.path.rpartition("/")[2]
        if self.field == "size":
            return SortedPlace(_FOLDER_BYTES if entry.is_folder else entry.size_bytes, name)
        if self.field == "modified":
            return SortedPlace((entry.modified_at - _EPOCH) // timedelta(microseconds=1), name)
        return SortedPlace(0, name)

    def matches(self, name: str) -> bool:
        """Return whether an entry with the name belongs to the list."""
        return name.startswith(self.name_prefix) and self.text.casefold() in name.casefold()

    def first_of(self, entries: Iterable[EntryT]) -> list[EntryT]:
        """Return the first entries of the page; no more of them are in memory than the page has."""
        selected = (
            entry
            for entry in entries
            if self.matches(entry.path.rpartition("/")[2])
            and (self.after is None or self._is_after(self.place_of(entry), self.after))
        )
        select = nlargest if self.is_descending else nsmallest
        return select(self.limit, selected, key=self.place_of)

    def _is_after(self, place: SortedPlace, after: SortedPlace) -> bool:
        return place < after if self.is_descending else place > after
