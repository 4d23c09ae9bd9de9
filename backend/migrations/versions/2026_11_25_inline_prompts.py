"""A job may run a prompt of its request, with a version of a skillpack or without one.

Revision: 0020_inline_prompts
After: 0019_memory
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020_inline_prompts"
down_revision = "0019_memory"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("prompt", sa.String(), nullable=True))
    op.alter_column("jobs", "deployment_id", nullable=True)


def downgrade() -> None:
    """Revert the migration; jobs of prompts refer to a deployment that does not exist."""
    op.execute("set local lock_timeout = '5s'")
    op.execute(
        "update jobs set deployment_id = '00000000-0000-0000-0000-000000000000' where deployment_id is null"
    )
    op.alter_column("jobs", "deployment_id", nullable=False)
    op.drop_column("jobs", "prompt")
