"""Arguments that a reviewer has changed, with the schema that they are validated against.

Revision: 0065_edited_approvals
After: 0064_prompts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0065_edited_approvals"
down_revision = "0064_prompts"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("approvals", sa.Column("input_schema", sa.JSON(), nullable=True))
    op.add_column("approvals", sa.Column("arguments", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for column in ("arguments", "input_schema"):
        op.drop_column("approvals", column)
