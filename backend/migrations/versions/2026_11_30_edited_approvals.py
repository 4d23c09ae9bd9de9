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
    op.create_index(
        "ix_approvals_project_id_created_at_pending",
        "approvals",
        ["project_id", sa.text("created_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("status = 'pending'"),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_approvals_project_id_created_at_pending", "approvals")
    for column in ("arguments", "input_schema"):
        op.drop_column("approvals", column)
