"""Deleted projects keep their slug for a restore, and record when their data was removed.

Revision: 0006_deleted_projects
After: 0005_traces
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006_deleted_projects"
down_revision = "0005_traces"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column("projects", sa.Column("former_slug", sa.String(length=64), nullable=True))
    op.add_column("projects", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint("purged", "projects", "purged_at is null or deleted_at is not null")


def downgrade() -> None:
    """Revert the migration."""
    op.drop_constraint(op.f("ck_projects_purged"), "projects", type_="check")
    op.drop_column("projects", "purged_at")
    op.drop_column("projects", "former_slug")
