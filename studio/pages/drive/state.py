"""The state of the drive: the open folder, its content, and the file in the preview."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, cast, get_args

import reflex as rx

from backend.core.clock import now
from backend.core.errors import Missing, PurasError
from backend.data.drive import changes, service, usage
from backend.data.drive.schemas import DriveEntryRead
from backend.data.drive.sorted_listing import BY_NAME, DriveSort
from backend.data.drive.uploads import ingest
from backend.identity.auth.principal import Principal, Role
from studio import session
from studio.first_snippets import of_upload
from studio.formatting import size
from studio.named_by_url import NamedByUrl
from studio.page_queries import next_sort
from studio.pages.drive.listing import FileRow, Listing, read_folder, row_of
from studio.pages.drive.query import DriveQuery, folder_of, rooted
from studio.selection import Selection
from studio.typing_of_reflex import AsyncUpdates

PAGE_ROWS: Final = 100
REFRESH_S: Final = 2.0
"""Seconds between two reads while the author of a new file is unknown: it is known shortly after its job has ended."""
_NEW: Final = timedelta(minutes=1)
_FULL_PCT: Final = 100
_NEARLY_FULL_PCT: Final = 80


@dataclass
class Step:
    """A folder above the open one."""

    name: str
    href: str


@dataclass
class Quota:
    """How much of the quota is used."""

    share_pct: int = 0
    state: str = ""
    text: str = ""
    files: str = ""


class Drive(NamedByUrl, Selection, rx.State):
    """The files of a project."""

    folder: str = ""
    steps: list[Step] = []
    """The folders from the root to the one above the open folder."""
    folder_name: str = "Drive"
    text: str = ""
    sort: str = BY_NAME
    rows: list[FileRow] = []
    has_more: bool = False
    is_cut: bool = False
    quota: Quota = Quota()
    code: dict[str, str] = {}
    file: FileRow = FileRow()
    """The file in the preview."""
    path: str = ""
    """The path of that file."""
    problem: str = ""
    """Why the file cannot be shown."""
    is_pending: bool = False
    is_loaded: bool = False
    is_reading: bool = False
    _shown: DriveQuery = DriveQuery()
    _project: str = ""
    _cursor: str = ""

    @rx.event
    async def load(self) -> AsyncUpdates:
        """Load the folder and the file that the URL names."""
        query = DriveQuery.parse(self._wanted().query_parameters)
        if self._project != self.project:
            self.reset()
            self._project = self.project
        self._show(query)
        yield
        await self._read()
        self.is_loaded = True

    @rx.event
    async def refresh(self) -> None:
        """Read the folder again."""
        if self.is_loaded:
            await self._read()

    @rx.event
    async def more(self) -> None:
        """Read the next page of the folder."""
        principal, query = await self._reader(), self._shown
        found = await read_folder(principal, query, PAGE_ROWS, self._cursor)
        if query == self._shown and self.has_more:
            known = {row.path for row in self.rows}
            more = [row_of(one, self.project, query) for one in found.entries if one.path not in known]
            self._set_rows([*self.rows, *more], found)

    @rx.event
    async def search(self, text: str) -> None:
        """Filter by name while the user types, which Back does not undo letter by letter."""
        await self._go(replace(self._shown, q=text.strip()[:200]), is_entry=False)

    @rx.event
    async def sort_by(self, column: str) -> None:
        """Sort by a column: by size and time the highest first, then the lowest, then by name again."""
        sort = next_sort(self.sort, column, default=BY_NAME, is_ascending_first=column == "name")
        if sort in get_args(DriveSort):
            await self._go(replace(self._shown, sort=cast(DriveSort, sort)))

    @rx.event
    async def close_file(self) -> None:
        """Close the preview."""
        await self._go(replace(self._shown, file=""))

    @rx.event
    async def delete(self, path: str) -> None:
        """Delete a file, or a folder with its content."""
        principal = await self._writer()
        is_folder = any(row.path == path and row.is_folder for row in self.rows)
        with contextlib.suppress(Missing):  # another user has deleted it
            await delete_entry(principal, path, is_folder=is_folder)
        if path == self.path:
            self._show(replace(self._shown, file=""))
            self._note_change(is_entry=False)
        await self._read()

    @rx.event
    async def show(self, path: str) -> None:
        """Show an entry after it was moved: its folder, and the preview of a file."""
        is_file = self.path != ""
        await self._go(DriveQuery(folder_of(path), path if is_file else "", sort=self._shown.sort))

    def _selectable(self) -> list[str]:
        return [row.path for row in self.rows]

    async def _go(self, query: DriveQuery, *, is_entry: bool = True) -> None:
        if query != self._shown:
            self._show(query)
            self._note_change(is_entry=is_entry)
            await self._read()

    def _show(self, query: DriveQuery) -> None:
        """Show what a query names; rows of another folder are removed."""
        before = self._shown
        if query.folder != before.folder or not self.is_loaded:
            self.rows, self.has_more, self.is_reading, self.picked = [], False, True, []
            self.folder = query.folder
            parts = query.folder.rstrip("/").split("/") if query.folder else []
            folders = ["", *("/".join(parts[: at + 1]) + "/" for at in range(len(parts)))]
            names = ["Drive", *parts]
            self.folder_name = names[-1]
            self.steps = [
                Step(name, self._href(DriveQuery(folder, sort=query.sort)))
                for name, folder in zip(names[:-1], folders[:-1], strict=True)
            ]
            self.code = of_upload(session.context().settings.url, query.folder)
        elif (query.q, query.sort) != (before.q, before.sort):
            self.rows, self.picked = self.rows[:PAGE_ROWS], []
        if query.file != self.path:
            self.path, self.problem = query.file, ""
            self.file = next((row for row in self.rows if row.path == query.file), FileRow())
        self.text, self.sort, self.query = query.q, query.sort, query.encode()
        self._shown = query

    def _href(self, query: DriveQuery) -> str:
        encoded = query.encode()
        return f"/p/{self.project}/drive{'?' + encoded if encoded else ''}"

    async def _read(self) -> None:
        """Read the folder from its first entry, the file in the preview, and the usage."""
        query = self._shown
        principal = await self._reader()
        found = await read_folder(principal, query, max(PAGE_ROWS, len(self.rows)))
        used = await usage.current(ingest.drives_of(session.context()), principal.project_id)
        if query != self._shown:
            return  # another query was shown meanwhile
        self._set_rows([row_of(one, self.project, query) for one in found.entries], found)
        self.is_pending = any(map(_is_just_written, found.entries))
        part = 100 * (used.bytes + used.waiting_bytes) / used.max_bytes
        most = max(part, 100 * used.files / used.max_files)
        self.quota = Quota(
            min(_FULL_PCT, round(part)),
            "fail" if most >= _FULL_PCT else "wait" if most >= _NEARLY_FULL_PCT else "",
            f"{size(used.bytes + used.waiting_bytes)} of {size(used.max_bytes)}",
            f"{used.files:,} of {used.max_files:,} files and folders",
        )
        await self._read_file(principal)
        self.is_reading = False

    async def _read_file(self, principal: Principal) -> None:
        if not self.path:
            return
        row = next((one for one in self.rows if one.path == self.path and not one.is_folder), None)
        if row is None:  # only this computes the hash of the file
            try:
                entry = await service.details_of(session.context(), principal, rooted(self.path))
            except PurasError as error:
                self.problem, self.file = error.detail, FileRow()
                return
            row = row_of(entry, self.project, self._shown)
        self.problem = ""
        if row != self.file:
            self.file = row

    def _set_rows(self, rows: list[FileRow], found: Listing) -> None:
        if rows != self.rows:
            self.rows = rows
        self._cursor, self.has_more, self.is_cut = found.cursor, found.cursor != "", found.is_cut
        shown = {row.path for row in rows}
        self._keep_picked(shown)

    async def _reader(self) -> Principal:
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.VIEWER, "drive:read")
            return act.principal

    async def _writer(self) -> Principal:
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.DEVELOPER, "drive:write")
            return act.principal


async def delete_entry(principal: Principal, path: str, *, is_folder: bool) -> None:
    """Delete a file, or a folder with its content.

    Raises:
        DriveFileMissing: Nothing exists at the path.
    """
    context = session.context()
    if not is_folder:
        async with context.database.transaction() as transaction:
            await service.delete(transaction, context.storage, principal, rooted(path))
        return
    while not (await changes.delete_folder(context, principal, rooted(path))).is_done:
        pass


def _is_just_written(entry: DriveEntryRead) -> bool:
    return not entry.is_folder and entry.written_by is None and abs(now() - entry.modified_at) < _NEW
