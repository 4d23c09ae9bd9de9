"""Schedules can queue runs, or allow several concurrent jobs.

Revision: 0037_schedule_queue
After: 0036_eval_case_ids
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0037_schedule_queue"
down_revision = "0036_eval_case_ids"
branch_labels = None
depends_on = None

INDEX = "ix_schedule_runs_schedule_id_due_at_queued"


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    _replace_check("schedules", "overlap", "overlap in ('skip', 'queue', 'cancel_previous', 'allow')")
    _replace_check(
        "schedule_runs", "outcome", "outcome in ('submitted', 'skipped', 'missed', 'refused', 'queued')"
    )
    op.create_index(
        INDEX, "schedule_runs", ["schedule_id", "due_at"], postgresql_where=sa.text("outcome = 'queued'")
    )


def downgrade() -> None:
    """Revert the migration; `queue` had the meaning of `allow`, and queued runs are skipped."""
    op.execute("set local lock_timeout = '5s'")
    op.execute("update schedules set overlap = 'queue' where overlap = 'allow'")
    op.execute("update schedule_runs set outcome = 'skipped', code = 'overlap' where outcome = 'queued'")
    op.drop_index(INDEX, table_name="schedule_runs")
    _replace_check("schedule_runs", "outcome", "outcome in ('submitted', 'skipped', 'missed', 'refused')")
    _replace_check("schedules", "overlap", "overlap in ('skip', 'queue', 'cancel_previous')")


def _replace_check(table: str, column: str, condition: str) -> None:
    name = op.f(f"ck_{table}_{column}")
    op.drop_constraint(name, table, type_="check")
    op.create_check_constraint(name, table, condition)
