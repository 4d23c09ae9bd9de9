"""List the content of a folder by size or time, or by a part of the names, page by page."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, cast, get_args

from backend.context import AppContext
from backend.core.db.paging import Page, cursor_of
from backend.core.db.sorting import number_key
from backend.core.errors import Conflict
from backend.data.drive import provenance, service
from backend.data.drive.schemas import DriveEntryRead
from backend.identity.auth.principal import Principal
from backend.storage.sorting import SortedPlace, SortedSearch, SortField

DriveSort = Literal["name", "-name", "size", "-size", "modified", "-modified"]
"""The order of the content of a folder; `-` for descending."""
BY_NAME: Final[DriveSort] = "name"


class FolderTooLarge(Conflict):
    """The storage lists by name only, and the folder has too many entries to sort them."""

    code = "folder_too_large_to_sort"
    message = (
        "The folder {folder!r} has more entries than can be sorted or filtered: this storage lists by name only. "
        "List it without sort and q, or list a folder in it."
    )
    folder: str


class SortedListing(NamedTuple):
    """A page of a sorted folder."""

    items: list[DriveEntryRead]
    next_cursor: str | None
    is_complete: bool
    """False: only a part of the folder was considered, since the storage lists by name only."""


async def list_sorted(
    context: AppContext,
    principal: Principal,
    prefix: str,
    page: Page,
    *,
    sort: DriveSort = BY_NAME,
    text: str = "",
) -> SortedListing:
    """Return a page of the files and folders in the folder `prefix`, or of those whose paths start with it.

    Args:
        context: The instance.
        principal: The caller.
        prefix: The folder, or a prefix of paths.
        page: The requested page.
        sort: The order.
        text: A part of the names, in any case.

    Raises:
        BadDrivePath: The prefix is invalid.
        Invalid: The cursor does not belong to this list.
    """
    place = await service.place_of(context.storage, principal, prefix)
    field = sort.removeprefix("-")
    search = SortedSearch(
        cast(SortField, field) if field in get_args(SortField) else "name",
        is_descending=sort.startswith("-"),
        text=text,
        name_prefix=place.name_prefix,
        after=page.position(lambda order, number, name: _position(sort, order, number, name)),
        limit=page.limit + 1,
    )
    found = await context.storage.list_sorted(principal.project_id, place.folder, search)
    rows = found.entries[: page.limit]
    async with context.database.read_session() as session:
        metadata = await provenance.of_entries(session, principal.project_id, rows)
    items = [DriveEntryRead.of(row, metadata.get(row.path)) for row in rows]
    has_more = len(found.entries) > page.limit
    cursor = cursor_of(sort, *search.place_of(rows[-1])) if has_more else None
    return SortedListing(items, cursor, found.is_complete)


def _position(sort: str, order: str, number: str, name: str) -> SortedPlace:
    if order != sort:
        raise ValueError("a position in a list with another order")
    return SortedPlace(number_key(number), name)
