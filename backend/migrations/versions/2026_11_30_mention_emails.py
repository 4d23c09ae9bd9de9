"""Members receive e-mail about comments that mention them.

Revision: 0070_mention_emails
After: 0069_failure_states
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0070_mention_emails"
down_revision = "0069_failure_states"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "mention_emails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("comment_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], op.f("fk_mention_emails_project_id_projects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["comment_id"],
            ["job_comments.id"],
            op.f("fk_mention_emails_comment_id_job_comments"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], op.f("fk_mention_emails_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mention_emails")),
        sa.UniqueConstraint("comment_id", "user_id", name=op.f("uq_mention_emails_comment_id_user_id")),
    )
    op.create_index("ix_mention_emails_next_at", "mention_emails", ["next_at"])
    op.create_index("ix_mention_emails_project_id", "mention_emails", ["project_id"])
    op.create_index("ix_mention_emails_user_id", "mention_emails", ["user_id"])


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("mention_emails")
