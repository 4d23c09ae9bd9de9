"""The conversations that jobs of saved cases continue.

Revision: 0045_case_conversations
After: 0044_estimated_usage
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0045_case_conversations"
down_revision = "0044_estimated_usage"
branch_labels = None
depends_on = None
_TABLES = ("eval_cases", "eval_runs")


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    for table in _TABLES:
        op.add_column(table, sa.Column("conversation", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for table in _TABLES:
        op.drop_column(table, "conversation")
