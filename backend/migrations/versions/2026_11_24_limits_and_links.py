"""Limits of projects and keys, the origin of sessions, links to reset passwords, and indexes to search the audit log.

The skills of keys were bare names, which applied to all skillpacks. They become `*/name`, which states this; from now
on, a bare name means the default skillpack. After a downgrade, `skillpack/name` matches nothing, so that no key gets
more access.

Revision: 0002_limits
After: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_limits"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column(
        "projects",
        sa.Column(
            "limits", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default=sa.text("'{}'")
        ),
    )
    op.add_column("api_keys", sa.Column("requests_per_minute", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_api_keys_requests_per_minute"), "api_keys", "requests_per_minute > 0")
    op.execute("""
        update api_keys
        set skill_allowlist = array(select '*/' || name from unnest(skill_allowlist) as name order by 1)
        where skill_allowlist <> '{}'
    """)
    op.add_column("sessions", sa.Column("address", sa.String(length=64), nullable=False, server_default=""))
    op.create_table(
        "password_resets",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_password_resets_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_password_resets")),
    )
    op.create_index(op.f("ix_password_resets_user_id"), "password_resets", ["user_id"], unique=False)
    for column in ("action", "actor"):
        op.create_index(
            f"ix_audit_rows_project_id_{column}_id",
            "audit_rows",
            ["project_id", column, sa.literal_column("id DESC")],
            unique=False,
        )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for column in ("actor", "action"):
        op.drop_index(f"ix_audit_rows_project_id_{column}_id", table_name="audit_rows")
    op.drop_index(op.f("ix_password_resets_user_id"), table_name="password_resets")
    op.drop_table("password_resets")
    op.drop_column("sessions", "address")
    op.execute(r"""
        update api_keys
        set skill_allowlist = array(
          select regexp_replace(name, '^\*/', '') from unnest(skill_allowlist) as name order by 1
        )
        where skill_allowlist <> '{}'
    """)
    op.drop_constraint(op.f("ck_api_keys_requests_per_minute"), "api_keys", type_="check")
    op.drop_column("api_keys", "requests_per_minute")
    op.drop_column("projects", "limits")
