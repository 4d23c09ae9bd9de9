"""Files that the submitter of a job may use as inputs: their versions, and the key that set the inputs of a schedule.

Revision: 0033_input_files
After: 0032_started_by_agent
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0033_input_files"
down_revision = "0032_started_by_agent"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("input_versions", JSONB(), nullable=True))
    op.add_column("schedules", sa.Column("input_key_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("schedules", "input_key_id")
    op.drop_column("jobs", "input_versions")
