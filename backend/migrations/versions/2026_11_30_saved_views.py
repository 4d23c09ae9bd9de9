"""Users save views of all lists, and not only of the list of jobs.

Revision: 0071_saved_views
After: 0070_mention_emails
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0071_saved_views"
down_revision = "0070_mention_emails"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    _create("saved_views", sa.Column("page", sa.String(20), nullable=False))
    op.execute(
        "insert into saved_views (project_id, user_id, page, name, content, updated_at) "
        "select project_id, user_id, 'jobs', name, content, updated_at from job_views"
    )
    op.drop_table("job_views")


def downgrade() -> None:
    """Revert the migration. Views of lists other than jobs are deleted."""
    op.execute("set local lock_timeout = '5s'")
    _create("job_views")
    op.execute(
        "insert into job_views (project_id, user_id, name, content, updated_at) "
        "select project_id, user_id, name, content, updated_at from saved_views where page = 'jobs'"
    )
    op.drop_table("saved_views")


def _create(table: str, *pages: sa.Column[str]) -> None:
    """Create a table of views, with a column that names the list or without."""
    op.create_table(
        table,
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        *pages,
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "user_id"],
            ["members.project_id", "members.user_id"],
            name=op.f(f"fk_{table}_project_id_members"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "project_id", "user_id", *(page.name for page in pages), "name", name=op.f(f"pk_{table}")
        ),
    )
