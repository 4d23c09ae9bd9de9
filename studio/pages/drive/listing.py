"""Read the content of a folder in the order and with the filter of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from backend.core import ids
from backend.core.db.paging import Page
from backend.data.drive import service
from backend.data.drive.schemas import DriveEntryRead, Writer
from backend.identity.auth.principal import Principal
from studio import session
from studio.formatting import size
from studio.pages.drive.query import BY_NAME, DriveQuery, folder_of, name_of, rooted

MAX_SORTED: Final = 5_000
"""Entries of a folder that are read to sort or to filter them; the storage lists by name only."""
_PAGE: Final = 1_000


@dataclass
class JobLink:
    """A job that may have written a file."""

    id: str
    short_id: str


@dataclass
class FileRow:
    """A file or a folder."""

    path: str = ""
    name: str = ""
    folder: str = ""
    """The folder that contains it."""
    href: str = ""
    """The page with the open folder, or with the preview of the file."""
    is_folder: bool = False
    size: str = ""
    size_bytes: int = 0
    mime: str = ""
    modified_at: str = ""
    sha256: str = ""
    writer: str = ""
    """Its name if it is not a job."""
    jobs: list[JobLink] = field(default_factory=list)
    is_one_of: bool = False
    """Whether one of several jobs has written it."""
    url: str = ""
    """The URL of the file for the signed-in user."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Some entries of a folder."""

    entries: Sequence[DriveEntryRead]
    has_more: bool
    is_cut: bool = False
    """The folder has more entries than are sorted or filtered."""


async def read_folder(principal: Principal, query: DriveQuery, count: int) -> Listing:
    """Return the first entries of a folder."""
    if query.sort == BY_NAME and not query.q:
        found = await _entries(principal, query.folder, Page(count))
        return Listing(found.items, found.next_cursor is not None)
    entries: list[DriveEntryRead] = []
    cursor: str | None = None
    while len(entries) < MAX_SORTED:
        part = await _entries(principal, query.folder, Page(_PAGE, cursor))
        entries += part.items
        cursor = part.next_cursor
        if cursor is None:
            break
    text = query.q.casefold()
    entries = [one for one in entries if text in name_of(one.path).casefold()]
    entries.sort(key=_KEYS[query.sort.removeprefix("-")], reverse=query.sort.startswith("-"))
    return Listing(entries[:count], len(entries) > count, cursor is not None)


async def next_page(principal: Principal, query: DriveQuery, after: str, count: int) -> Listing:
    """Return the entries after a path, in the order of names."""
    found = await _entries(principal, query.folder, Page(count, after))
    return Listing(found.items, found.next_cursor is not None)


async def _entries(principal: Principal, folder: str, page: Page) -> Any:
    return await service.list_entries(session.context(), principal, rooted(folder), page, is_recursive=False)


_KEYS: Final[dict[str, Any]] = {
    "name": lambda one: one.path,
    "size": lambda one: (not one.is_folder, one.size_bytes, one.path),
    "modified": lambda one: (one.modified_at, one.path),
}


def row_of(entry: DriveEntryRead, project: str, query: DriveQuery) -> FileRow:
    """Return an entry as the page shows it."""
    opened = (
        DriveQuery(folder=f"{entry.path}/", sort=query.sort)
        if entry.is_folder
        else DriveQuery(query.folder, entry.path, query.q, query.sort)
    )
    writer = entry.written_by
    return FileRow(
        path=entry.path,
        name=name_of(entry.path),
        folder=folder_of(entry.path),
        href=f"/p/{project}/drive?{opened.encode()}",
        is_folder=entry.is_folder,
        size="" if entry.is_folder else size(entry.size_bytes),
        size_bytes=entry.size_bytes,
        mime=entry.mime,
        modified_at=entry.modified_at.isoformat(),
        sha256=entry.sha256 or "",
        writer=_name_of(writer),
        jobs=_jobs_of(writer),
        is_one_of=writer is not None and writer.kind == "jobs",
        url=f"/v1/drive/files/{quote(rooted(entry.path))}?project={quote(project)}",
    )


def _name_of(writer: Writer | None) -> str:
    if writer is None:
        return ""
    if writer.kind in ("job", "jobs"):
        return "" if _jobs_of(writer) else "several jobs"
    return writer.label or writer.kind


def _jobs_of(writer: Writer | None) -> list[JobLink]:
    if writer is None:
        return []
    found = [writer.id] if writer.kind == "job" else writer.ids
    return [JobLink(str(one), ids.short(one)) for one in found if one is not None]
