"""The journal of agents' runs, and the model that a job requests.

Revision: 0009_journal
After: 0008_money
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009_journal"
down_revision = "0008_money"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("model", sa.String(length=200), nullable=True))
    op.create_table(
        "journal_entries",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind in ('opening', 'reply', 'started', 'result', 'note')", name=op.f("ck_journal_entries_kind")
        ),
        sa.CheckConstraint("step >= 0 and place >= 0", name=op.f("ck_journal_entries_place")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_journal_entries_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "step", "place", name=op.f("pk_journal_entries")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("journal_entries")
    op.drop_column("jobs", "model")
