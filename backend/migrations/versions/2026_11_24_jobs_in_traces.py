"""A job records the span that submitted it, so that the spans of its attempts belong to that trace.

Revision: 0005_traces
After: 0004_metrics
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_traces"
down_revision = "0004_metrics"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration; a constant default does not rewrite the table."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("traceparent", sa.String(length=55), server_default="", nullable=False))


def downgrade() -> None:
    """Revert the migration; pending jobs lose their traces."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("jobs", "traceparent")
