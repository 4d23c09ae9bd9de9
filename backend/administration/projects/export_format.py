"""Define which rows and columns of a project are exported.

Every table is listed, so that a new table is not exported by accident. Of runs of other projects' listings, the export
has what the caller can see: neither their conversation nor the calls of their code.
"""

from __future__ import annotations

from typing import Final

from backend.core.db.row_export import SMALL_PAGE_ROWS, ExportedTable
from backend.data.memory.queries import EXPORTED_RECORDS
from backend.execution.events.queries import split_events

EXPORTED: Final = (
    ExportedTable("projects", condition="id = :project_id"),
    ExportedTable("skillpacks"),
    ExportedTable("environment_versions"),
    ExportedTable("deployments", page=SMALL_PAGE_ROWS),
    ExportedTable("deployment_prompts"),
    ExportedTable("prompt_labels"),
    ExportedTable("drafts"),
    ExportedTable("draft_files", page=SMALL_PAGE_ROWS),
    ExportedTable(
        "jobs",
        page=SMALL_PAGE_ROWS,
        condition="project_id = :project_id and (publisher_id is null or parent_job_id is null)",
    ),
    ExportedTable("failure_clusters"),
    ExportedTable(
        "job_events",
        page=SMALL_PAGE_ROWS,
        condition="job_id in (select id from jobs where project_id = :project_id)",
        split=split_events,
    ),
    ExportedTable(
        "journal_entries",
        page=SMALL_PAGE_ROWS,
        condition="job_id in (select id from jobs where project_id = :project_id and publisher_id is null)",
    ),
    ExportedTable(
        "job_steps",
        page=SMALL_PAGE_ROWS,
        condition="job_id in (select id from jobs where project_id = :project_id and publisher_id is null)",
    ),
    ExportedTable(
        "flow_steps",
        page=SMALL_PAGE_ROWS,
        condition="job_id in (select id from jobs where project_id = :project_id and publisher_id is null)",
    ),
    ExportedTable("project_events", page=SMALL_PAGE_ROWS),
    ExportedTable("agent_sessions"),
    ExportedTable("session_turns", page=SMALL_PAGE_ROWS),
    ExportedTable("notebook_kernels"),
    ExportedTable("notebook_cells", page=SMALL_PAGE_ROWS),
    ExportedTable("approvals"),
    ExportedTable("job_shares", hidden=frozenset({"token_hash"})),
    ExportedTable("job_comments"),
    ExportedTable("eval_suites"),
    ExportedTable("eval_runs", page=SMALL_PAGE_ROWS),
    ExportedTable("eval_cases", page=SMALL_PAGE_ROWS),
    ExportedTable("annotation_queues"),
    ExportedTable("annotation_items"),
    ExportedTable("annotations", page=SMALL_PAGE_ROWS),
    ExportedTable(
        "media_calls",
        hidden=frozenset({"ordered"}),
        condition="job_id in (select id from jobs where project_id = :project_id)",
    ),
    ExportedTable("feedback"),
    EXPORTED_RECORDS,
    ExportedTable("memory_changes"),
    ExportedTable("usage_events"),
    ExportedTable("daily_spending"),
    ExportedTable("environment_spending"),
    ExportedTable("budgets"),
    ExportedTable("listings"),
    ExportedTable("listing_versions"),
    ExportedTable("wallets"),
    ExportedTable("ledger_entries"),
    ExportedTable("members"),
    ExportedTable("saved_views"),
    ExportedTable("invitations", hidden=frozenset({"token_hash"})),
    ExportedTable("api_keys", hidden=frozenset({"secret_hash"})),
    ExportedTable("secrets", hidden=frozenset({"ciphertext"})),
    ExportedTable("environment_secrets", hidden=frozenset({"ciphertext"})),
    ExportedTable("provider_keys", hidden=frozenset({"ciphertext"})),
    ExportedTable("provider_prices"),
    ExportedTable("webhooks", hidden=frozenset({"ciphertext", "previous_ciphertext"})),
    ExportedTable("webhook_deliveries"),
    ExportedTable("alert_rules"),
    ExportedTable("schedules"),
    ExportedTable("schedule_runs"),
    ExportedTable("audit_rows"),
)
NOT_EXPORTED: Final[dict[str, str]] = {
    "listing_callers": "publishers must not know who calls a listing; they see sums only",
    "admissions": "internal state of the admission of jobs",
    "configuration_stamps": "random values that change with the configuration",
    "job_queue": "internal state; the status of a job contains it",
    "job_waits": "internal state of waiting jobs; their events contain what they wait for",
    "mention_emails": "e-mail that is to be sent; the comments contain who is mentioned",
    "memory_usage": "a count of the records, which are exported",
    "memory_vectors": "derived from the records with the embedding model of the instance",
    "drive_usage": "a count of the files, which are exported",
    "drive_files": "hashes and writers are valid only for the files of this instance",
    "drive_uploads": "incomplete files",
}
"""Tables of projects that are not exported, each with its reason."""
