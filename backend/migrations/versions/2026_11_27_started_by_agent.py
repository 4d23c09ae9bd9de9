"""Jobs and suites that an agent outside of this instance has started, which is inherited by what is made of them.

Revision: 0032_started_by_agent
After: 0031_approval_effect
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032_started_by_agent"
down_revision = "0031_approval_effect"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute("set local lock_timeout = '5s'")
    # The defaults stay: processes of the version before go on inserting rows until they are replaced. Jobs of before
    # need no change: their `source` is read as well.
    for table in ("jobs", "eval_suites"):
        op.add_column(
            table,
            sa.Column("started_by_agent", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        )


def downgrade() -> None:
    """Undo."""
    op.execute("set local lock_timeout = '5s'")
    for table in ("eval_suites", "jobs"):
        op.drop_column(table, "started_by_agent")
