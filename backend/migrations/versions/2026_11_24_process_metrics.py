"""The metrics of each process, so that any process can return those of all.

Revision: 0004_metrics
After: 0003_lists
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004_metrics"
down_revision = "0003_lists"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "process_metrics",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("totals", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("gauges", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_metrics")),
    )


def downgrade() -> None:
    """Revert the migration; counts start at zero again."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("process_metrics")
