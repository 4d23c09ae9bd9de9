"""List a drive whose folders exist only in the names of its objects.

The order is that of keys: a folder is at the position of its first file, so `b.txt` comes before the content of `b/`.
The storage continues only from its own cursors, so the last ones are cached; without a cached cursor, the list is read
from the start.
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
_MIN_PAGE: Final = 100
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which entries of a drive to list."""

    project_id: UUID
    folder: DrivePath
    name_prefix: str
    is_recursive: bool
    after: DrivePath | None
    limit: int


class _PageEnd(NamedTuple):
    """The end of a page."""

    cursor: str | None
    """The cursor of the storage's page that contains the entry."""
    is_folder: bool


@dataclass(slots=True)
class Listings:
    """Lists the drives of a bucket, and caches cursors to continue."""

    bucket: Bucket
    _page_ends: OrderedDict[tuple[str, str, bool], _PageEnd] = field(default_factory=OrderedDict)

    async def entries(self, query: ListQuery) -> list[DriveEntry]:
        """Return the entries after the path `after`, in the order of keys.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        prefix = keys.name_prefix(keys.folder_prefix(query.project_id, query.folder), query.name_prefix)
        page_end = await self._page_end(query, prefix)
        after_key = (
            "" if query.after is None else _position(query.project_id, query.after, page_end.is_folder)
        )
        found: list[DriveEntry] = []
        async for cursor, entry in self._from(query, prefix, page_end.cursor, after_key):
            found.append(entry)
            self._remember((prefix, entry.path, query.is_recursive), _PageEnd(cursor, entry.is_folder))
            if len(found) >= query.limit:
                break
        return found

    async def first_entries(self, query: ListQuery) -> list[DriveEntry]:
        """Return the first entries in the order of keys, for a list that is not continued at its last entry.

        Raises:
            StorageUnavailable: The storage does not respond.
        """
        prefix = keys.name_prefix(keys.folder_prefix(query.project_id, query.folder), query.name_prefix)
        found: list[DriveEntry] = []
        async for _, entry in self._from(query, prefix, None, ""):
            found.append(entry)
            if len(found) >= query.limit:
                break
        return found

    async def _page_end(self, query: ListQuery, prefix: str) -> _PageEnd:
        if query.after is None:
            return _PageEnd(None, is_folder=False)
        known = self._page_ends.get((prefix, str(query.after), query.is_recursive))
        if known is not None:
            return known
        is_file = await self.bucket.find(keys.object_key(query.project_id, query.after)) is not None
        return _PageEnd(None, is_folder=not is_file)

    def _remember(self, page: tuple[str, str, bool], page_end: _PageEnd) -> None:
        self._page_ends[page] = page_end
        self._page_ends.move_to_end(page)
        if len(self._page_ends) > _MAX_CURSORS:
            self._page_ends.popitem(last=False)

    async def _from(
        self, query: ListQuery, prefix: str, cursor: str | None, after_key: str
    ) -> AsyncIterator[tuple[str | None, DriveEntry]]:
        """Yield entries after a position, each with the cursor of the storage's page that contains it."""
        limit = min(PAGE, max(_MIN_PAGE, query.limit + 1))
        walk = _Walk(query, after_key)
        while True:
            page = await self.bucket.page(
                prefix, is_delimited=not query.is_recursive, limit=limit, cursor=cursor
            )
            for entry in walk.entries(page):
                yield cursor, entry
            if page.next_cursor is None or page.next_cursor == cursor:
                return
            cursor = page.next_cursor


@dataclass(slots=True)
class _Walk:
    """Converts pages of objects to entries; a folder comes before its first object."""

    query: ListQuery
    after_key: str
    _open: tuple[str, ...] = ()
    """The folder of the last object."""

    def entries(self, page: ObjectPage) -> Iterator[DriveEntry]:
        """Yield the entries of a page after the position `after_key`."""
        found: list[StoredObject | str] = sorted([*page.objects, *page.folders], key=_key)
        for each in found:
            path = keys.path_of(self.query.project_id, _key(each).rstrip("/"))
            if path is None:
                continue  # not created through a drive
            if not isinstance(each, str):
                yield from self._folders_of(path)
                if path.name != PLACEHOLDER:
                    yield from self._if_matching(each.key, entry_of(path, each))
            else:
                yield from self._if_matching(each, folder_entry(path))

    def _folders_of(self, path: DrivePath) -> Iterator[DriveEntry]:
        parts, start = path.folder.parts, len(self.query.folder.parts)
        for depth in range(start + 1, len(parts) + 1):
            if parts[:depth] != self._open[:depth]:
                folder = DrivePath(parts[:depth])
                yield from self._if_matching(
                    keys.folder_prefix(self.query.project_id, folder), folder_entry(folder)
                )
        self._open = parts

    def _if_matching(self, position: str, entry: DriveEntry) -> Iterator[DriveEntry]:
        parts = entry.path.split("/")
        own_name = parts[len(self.query.folder.parts)]
        if position > self.after_key and own_name.startswith(self.query.name_prefix):
            yield entry


def _key(found: StoredObject | str) -> str:
    return found if isinstance(found, str) else found.key


def _position(project_id: UUID, path: DrivePath, is_folder: bool) -> str:
    key = keys.object_key(project_id, path)
    return f"{key}/" if is_folder else key


def folder_entry(path: DrivePath) -> DriveEntry:
    """Return the entry of a folder, of which only the name is stored, in the keys of its files."""
    return DriveEntry(str(path), 0, _NO_TIME, is_folder=True, version="folder")
