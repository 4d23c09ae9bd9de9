"""Jobs that start only after an approval, and jobs whose call was approved.

Revision: 0028_job_approvals
After: 0027_memory_by_turns
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028_job_approvals"
down_revision = "0027_memory_by_turns"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    # The default remains, because processes of the previous release still insert jobs during an upgrade.
    op.add_column("jobs", sa.Column("approval", sa.String(length=8), nullable=False, server_default="none"))
    op.create_check_constraint(op.f("ck_jobs_approval"), "jobs", "approval in ('none', 'needed', 'given')")


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_constraint(op.f("ck_jobs_approval"), "jobs", type_="check")
    op.drop_column("jobs", "approval")
