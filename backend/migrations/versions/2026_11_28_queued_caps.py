"""The cap of each queued job, which its wallet must be able to hold before the job is admitted.

Revision: 0034_queued_caps
After: 0033_input_files
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034_queued_caps"
down_revision = "0033_input_files"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    # Queued jobs, and jobs of processes of the previous release, are admitted without a cap, as before.
    op.add_column(
        "job_queue", sa.Column("cap_micros", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_column("job_queue", "cap_micros")
