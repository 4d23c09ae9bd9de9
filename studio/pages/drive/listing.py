"""Read the content of a folder, and describe it as the page shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from backend.core import ids
from backend.core.db.paging import Page
from backend.data.drive import service
from backend.data.drive.schemas import DriveEntryRead, Writer
from backend.data.drive.sorted_listing import BY_NAME, list_sorted
from backend.identity.auth.principal import Principal
from studio import session
from studio.formatting import size
from studio.pages.drive.query import DriveQuery, folder_of, name_of, rooted


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
    """A page of the entries of a folder."""

    entries: Sequence[DriveEntryRead]
    cursor: str
    """Of the next page; empty if there is none."""
    is_cut: bool = False
    """The storage lists by name only, and the folder has more entries than are sorted or filtered."""


async def read_folder(principal: Principal, query: DriveQuery, count: int, cursor: str = "") -> Listing:
    """Return entries of a folder after a cursor; the first ones without it."""
    page, folder = Page(count, cursor or None), rooted(query.folder)
    if query.sort == BY_NAME and not query.q:
        found = await service.list_entries(session.context(), principal, folder, page, is_recursive=False)
        return Listing(found.items, found.next_cursor or "")
    listed = await list_sorted(session.context(), principal, folder, page, sort=query.sort, text=query.q)
    return Listing(listed.items, listed.next_cursor or "", is_cut=not listed.is_complete)


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
