"""Listing a drive whose folders exist only in the names of its objects.

The order is that of keys: a folder stands where its first file would, so `b.txt` comes before what is in `b/`. The
storage goes on only from cursors of its own, so the last ones are remembered; without one a page is found by reading
from the beginning.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from backend.storage import DriveEntry
from backend.storage.paths import DrivePath
from backend.storage.supabase import keys
from backend.storage.supabase.bucket import PAGE, Bucket, ObjectPage, StoredObject
from backend.storage.supabase.folders import PLACEHOLDER
from backend.storage.supabase.reading import entry_of

_MAX_CURSORS: Final = 4096
_LEAST_PAGE: Final = 100
_NO_MOMENT: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries of a drive to list."""

    project_id: UUID
    folder: DrivePath
    name_prefix: str
    is_recursive: bool
    after: DrivePath | None
    limit: int


class _Place(NamedTuple):
    """Where a page of ours ended."""

    cursor: str | None
    """Of the storage's page that holds the entry."""
    is_folder: bool


@dataclass(slots=True)
class Listings:
    """Lists the drives of a bucket, and remembers for a while how to go on."""

    bucket: Bucket
    _places: OrderedDict[tuple[str, str, bool], _Place] = field(default_factory=OrderedDict)

    async def entries(self, wanted: Wanted) -> list[DriveEntry]:
        """The entries behind `after`, in the order of keys.

        Raises:
            StorageUnavailable: the storage does not answer.
        """
        prefix = keys.name_prefix(keys.folder_prefix(wanted.project_id, wanted.folder), wanted.name_prefix)
        place = await self._place(wanted, prefix)
        behind = "" if wanted.after is None else _position(wanted.project_id, wanted.after, place.is_folder)
        found: list[DriveEntry] = []
        async for cursor, entry in self._from(wanted, prefix, place.cursor, behind):
            found.append(entry)
            self._remember((prefix, entry.path, wanted.is_recursive), _Place(cursor, entry.is_folder))
            if len(found) >= wanted.limit:
                break
        return found

    async def _place(self, wanted: Wanted, prefix: str) -> _Place:
        if wanted.after is None:
            return _Place(None, is_folder=False)
        known = self._places.get((prefix, str(wanted.after), wanted.is_recursive))
        if known is not None:
            return known
        is_file = await self.bucket.find(keys.object_key(wanted.project_id, wanted.after)) is not None
        return _Place(None, is_folder=not is_file)

    def _remember(self, page: tuple[str, str, bool], place: _Place) -> None:
        self._places[page] = place
        self._places.move_to_end(page)
        if len(self._places) > _MAX_CURSORS:
            self._places.popitem(last=False)

    async def _from(
        self, wanted: Wanted, prefix: str, cursor: str | None, behind: str
    ) -> AsyncIterator[tuple[str | None, DriveEntry]]:
        """Entries behind a position, each with the cursor of the storage's page that holds it."""
        limit = min(PAGE, max(_LEAST_PAGE, wanted.limit + 1))
        walk = _Walk(wanted, behind)
        while True:
            page = await self.bucket.page(
                prefix, is_delimited=not wanted.is_recursive, limit=limit, cursor=cursor
            )
            for entry in walk.entries(page):
                yield cursor, entry
            if page.next_cursor is None or page.next_cursor == cursor:
                return
            cursor = page.next_cursor


@dataclass(slots=True)
class _Walk:
    """Turns pages of objects into entries: folders are told before the first object in them."""

    wanted: Wanted
    behind: str
    _open: tuple[str, ...] = ()
    """The folder that the last object was in."""

    def entries(self, page: ObjectPage) -> Iterator[DriveEntry]:
        """The entries of a page, without those up to `behind`."""
        found: list[StoredObject | str] = sorted([*page.objects, *page.folders], key=_key)
        for each in found:
            path = keys.path_of(self.wanted.project_id, _key(each).rstrip("/"))
            if path is None:
                continue  # put there by something else than a drive
            if not isinstance(each, str):
                yield from self._folders_of(path)
                if path.name != PLACEHOLDER:
                    yield from self._if_wanted(each.key, entry_of(path, each))
            else:
                yield from self._if_wanted(each, folder_entry(path))

    def _folders_of(self, path: DrivePath) -> Iterator[DriveEntry]:
        parts, start = path.folder.parts, len(self.wanted.folder.parts)
        for depth in range(start + 1, len(parts) + 1):
            if parts[:depth] != self._open[:depth]:
                folder = DrivePath(parts[:depth])
                yield from self._if_wanted(
                    keys.folder_prefix(self.wanted.project_id, folder), folder_entry(folder)
                )
        self._open = parts

    def _if_wanted(self, position: str, entry: DriveEntry) -> Iterator[DriveEntry]:
        parts = entry.path.split("/")
        own_name = parts[len(self.wanted.folder.parts)]
        if position > self.behind and own_name.startswith(self.wanted.name_prefix):
            yield entry


def _key(found: StoredObject | str) -> str:
    return found if isinstance(found, str) else found.key


def _position(project_id: UUID, path: DrivePath, is_folder: bool) -> str:
    key = keys.object_key(project_id, path)
    return f"{key}/" if is_folder else key


def folder_entry(path: DrivePath) -> DriveEntry:
    """A folder, of which nothing is stored but its name in those of its files."""
    return DriveEntry(str(path), 0, _NO_MOMENT, is_folder=True, version="folder")
