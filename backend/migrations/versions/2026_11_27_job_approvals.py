"""Jobs that start only once a user has approved that, and those whose call was approved.

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
    """Apply."""
    op.execute("set local lock_timeout = '5s'")
    # The default stays: processes of the version before go on inserting jobs until they are replaced.
    op.add_column("jobs", sa.Column("approval", sa.String(length=8), nullable=False, server_default="none"))
    op.create_check_constraint(op.f("ck_jobs_approval"), "jobs", "approval in ('none', 'needed', 'given')")


def downgrade() -> None:
    """Undo."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_constraint(op.f("ck_jobs_approval"), "jobs", type_="check")
    op.drop_column("jobs", "approval")
