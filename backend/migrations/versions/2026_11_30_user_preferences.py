"""Users have settings: theme, time zone and e-mail.

Revision: 0063_user_preferences
After: 0062_failure_clusters
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0063_user_preferences"
down_revision = "0062_failure_clusters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "user_preferences",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("theme", sa.String(8), nullable=True),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("email_alerts", sa.Boolean(), nullable=False),
        sa.Column("email_approvals", sa.Boolean(), nullable=False),
        sa.Column("email_mentions", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("theme in ('system', 'light', 'dark')", name=op.f("ck_user_preferences_theme")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_preferences_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_preferences")),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("user_preferences")
