"""Which rows of a project go into its archive, and what of them never does.

Named one by one: a table that nobody has thought about yet is not given away. Of runs of other projects' listings the
caller gets what it sees of them: neither their conversation nor what their code has called.
"""

from __future__ import annotations

from typing import Final

from backend.core.db.row_export import FEW, ExportedTable
from backend.data.memory.export import MEMORY_RECORDS

EXPORTED: Final = (
    ExportedTable("projects", condition="id = :project_id"),
    ExportedTable("skillpacks"),
    ExportedTable("deployments", page=FEW),
    ExportedTable("drafts"),
    ExportedTable("draft_files", page=FEW),
    ExportedTable(
        "jobs",
        page=FEW,
        condition="project_id = :project_id and (publisher_id is null or parent_job_id is null)",
    ),
    ExportedTable(
        "job_events", page=FEW, condition="job_id in (select id from jobs where project_id = :project_id)"
    ),
    ExportedTable(
        "journal_entries",
        page=FEW,
        condition="job_id in (select id from jobs where project_id = :project_id and publisher_id is null)",
    ),
    ExportedTable("notebook_kernels"),
    ExportedTable("notebook_cells", page=FEW),
    ExportedTable("approvals"),
    ExportedTable("eval_suites"),
    ExportedTable("eval_runs", page=FEW),
    ExportedTable("eval_cases", page=FEW),
    ExportedTable(
        "media_calls",
        hidden=frozenset({"ordered"}),
        condition="job_id in (select id from jobs where project_id = :project_id)",
    ),
    ExportedTable("feedback"),
    MEMORY_RECORDS,
    ExportedTable("memory_changes"),
    ExportedTable("usage_events"),
    ExportedTable("daily_spending"),
    ExportedTable("budgets"),
    ExportedTable("listings"),
    ExportedTable("listing_versions"),
    ExportedTable("wallets"),
    ExportedTable("ledger_entries"),
    ExportedTable("members"),
    ExportedTable("invitations", hidden=frozenset({"token_hash"})),
    ExportedTable("api_keys", hidden=frozenset({"secret_hash"})),
    ExportedTable("secrets", hidden=frozenset({"ciphertext"})),
    ExportedTable("provider_keys", hidden=frozenset({"ciphertext"})),
    ExportedTable("webhooks", hidden=frozenset({"ciphertext", "previous_ciphertext"})),
    ExportedTable("webhook_deliveries"),
    ExportedTable("schedules"),
    ExportedTable("schedule_runs"),
    ExportedTable("audit_rows"),
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
