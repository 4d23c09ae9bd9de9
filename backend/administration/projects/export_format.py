"""Which rows of a project go into its archive, and what of them never does.

Named one by one: a table that nobody has thought about yet is not given away. Of runs of other projects' listings the
caller gets what it sees of them: neither their conversation nor what their code has called.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table, text

from backend.core.db.engine import Database
from backend.tables import metadata

MANY: Final = 500
FEW: Final = 20
"""Rows that may be megabytes each."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A table of which a project gets its own rows."""

    name: str
    hidden: frozenset[str] = field(default=frozenset())
    """Columns that are left out."""
    page: int = MANY

    @property
    def table(self) -> Table:
        """Its columns."""
        return metadata.tables[self.name]


EXPORTED: Final = (
    Exported("projects"),
    Exported("skillpacks"),
    Exported("deployments", page=FEW),
    Exported("drafts"),
    Exported("draft_files", page=FEW),
    Exported("jobs", page=FEW),
    Exported("job_events", page=FEW),
    Exported("journal_entries", page=FEW),
    Exported("notebook_kernels"),
    Exported("notebook_cells", page=FEW),
    Exported("approvals"),
    Exported("eval_suites"),
    Exported("eval_runs", page=FEW),
    Exported("eval_cases", page=FEW),
    Exported("media_calls", hidden=frozenset({"ordered"})),
    Exported("feedback"),
    Exported("memory_records", hidden=frozenset({"names", "words", "embedded_version"}), page=FEW),
    Exported("memory_changes"),
    Exported("usage_events"),
    Exported("daily_spending"),
    Exported("budgets"),
    Exported("listings"),
    Exported("listing_versions"),
    Exported("wallets"),
    Exported("ledger_entries"),
    Exported("members"),
    Exported("invitations", hidden=frozenset({"token_hash"})),
    Exported("api_keys", hidden=frozenset({"secret_hash"})),
    Exported("secrets", hidden=frozenset({"ciphertext"})),
    Exported("provider_keys", hidden=frozenset({"ciphertext"})),
    Exported("webhooks", hidden=frozenset({"ciphertext", "previous_ciphertext"})),
    Exported("webhook_deliveries"),
    Exported("schedules"),
    Exported("schedule_runs"),
    Exported("audit_rows"),
)
LEFT_OUT: Final[dict[str, str]] = {
    "listing_callers": "sums are shown of it: who calls a listing is not its publisher's to know",
    "admissions": "the instance's own bookkeeping of what may run next",
    "job_queue": "the same: a queued job says so itself",
    "memory_usage": "a count of the records, which go along",
    "memory_vectors": "made of the records, by whatever model the instance uses",
    "drive_usage": "a count of the files, which go along",
    "drive_files": "hashes and writers hold for the files of this instance alone",
    "drive_uploads": "files that are not whole yet",
}
"""Tables of projects that are not exported, each with its reason."""

_OWN: Final = {
    "projects": "id = :project_id",
    "jobs": "project_id = :project_id and (publisher_id is null or parent_job_id is null)",
    "job_events": "job_id in (select id from jobs where project_id = :project_id)",
    "journal_entries": "job_id in (select id from jobs where project_id = :project_id and publisher_id is null)",
    "media_calls": "job_id in (select id from jobs where project_id = :project_id)",
}


async def lines(database: Database, exported: Exported, project_id: UUID) -> AsyncIterator[bytes]:
    """The project's rows, a JSON object each, in the order of their keys; read in pages, so that nobody waits."""
    last: dict[str, Any] = {}
    while True:
        query = text(_query(exported, goes_on=bool(last)))
        async with database.transaction() as session:
            rows = (
                await session.execute(query, {"project_id": project_id, "page": exported.page, **last})
            ).all()
        for row in rows:
            yield f"{row.line}\n".encode()
        if len(rows) < exported.page:
            return
        last = {f"key_{place}": value for place, value in enumerate(rows[-1][1:])}


def _query(exported: Exported, *, goes_on: bool) -> str:
    table = exported.table
    columns = ", ".join(
        f't."{column.name}"' for column in table.columns if column.name not in exported.hidden
    )
    keys = [f't."{column.name}"' for column in table.primary_key.columns]
    own = _OWN.get(exported.name, "project_id = :project_id")
    behind = f"and ({', '.join(keys)}) > ({', '.join(f':key_{place}' for place in range(len(keys)))})"
    aliases = ", ".join(f"{key} as key_{place}" for place, key in enumerate(keys))
    return f"""
        select (select row_to_json(shown)::text from (select {columns}) shown) as line, {aliases}
        from {table.name} t where {own} {behind if goes_on else ""}
        order by {", ".join(keys)} limit :page
    """  # noqa: S608 - names of our own tables and columns
