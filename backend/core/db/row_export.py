"""Export the rows of a project in one table as lines of JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table, text

from backend.core.db.engine import Database, metadata

DEFAULT_PAGE_ROWS: Final = 500
"""Rows per page."""
SMALL_PAGE_ROWS: Final = 20
"""Rows per page of tables whose rows may be megabytes each."""


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """A table of which a project can export its own rows."""

    name: str
    hidden: frozenset[str] = field(default=frozenset())
    """Columns that are not exported."""
    page: int = DEFAULT_PAGE_ROWS
    condition: str = "project_id = :project_id"
    """SQL: the condition that selects the rows of the project."""
    split: Callable[[str], Iterable[str]] | None = None
    """Return the lines of a row that contains several records, from its line."""

    @property
    def table(self) -> Table:
        """Return the table with its columns."""
        return metadata.tables[self.name]


async def lines(database: Database, exported: ExportedTable, project_id: UUID) -> AsyncIterator[bytes]:
    """Yield the rows of a project as lines of JSON, in the order of their keys, with one transaction per page."""
    last: dict[str, Any] = {}
    while True:
        query = text(_query(exported, is_continued=bool(last)))
        async with database.transaction() as session:
            rows = (
                await session.execute(query, {"project_id": project_id, "page": exported.page, **last})
            ).all()
        for row in rows:
            for line in (row.line,) if exported.split is None else exported.split(row.line):
                yield f"{line}\n".encode()
        if len(rows) < exported.page:
            return
        last = {f"key_{index}": value for index, value in enumerate(rows[-1][1:])}


def _query(exported: ExportedTable, *, is_continued: bool) -> str:
    table = exported.table
    columns = ", ".join(
        f't."{column.name}"' for column in table.columns if column.name not in exported.hidden
    )
    keys = [f't."{column.name}"' for column in table.primary_key.columns]
    after = f"and ({', '.join(keys)}) > ({', '.join(f':key_{index}' for index in range(len(keys)))})"
    aliases = ", ".join(f"{key} as key_{index}" for index, key in enumerate(keys))
    return f"""
        select (select row_to_json(shown)::text from (select {columns}) shown) as line, {aliases}
        from {table.name} t where {exported.condition} {after if is_continued else ""}
        order by {", ".join(keys)} limit :page
    """  # noqa: S608 - only names of tables and columns of this schema
