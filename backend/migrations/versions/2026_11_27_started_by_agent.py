"""Jobs and suites record that an external agent has started them; jobs and suites that they start inherit this.

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
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    # The defaults remain, because processes of the previous release still insert rows during an upgrade. Earlier jobs
    # need no change, since their `source` is read too.
    for table in ("jobs", "eval_suites"):
        op.add_column(
            table,
            sa.Column("started_by_agent", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for table in ("eval_suites", "jobs"):
        op.drop_column(table, "started_by_agent")
