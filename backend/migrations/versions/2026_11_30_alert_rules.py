"""Alert rules of projects, and webhooks that send messages instead of signed JSON.

Revision: 0057_alert_rules
After: 0056_environments
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0057_alert_rules"
down_revision = "0056_environments"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("metric", sa.String(length=16), nullable=False),
        sa.Column("skill", sa.String(length=200), nullable=True),
        sa.Column("environment", sa.String(length=16), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("window_minutes", sa.Integer(), nullable=False),
        sa.Column("min_jobs", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("jobs", sa.Integer(), nullable=False),
        sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "metric in ('error_rate', 'latency_p95', 'spend', 'queue_age')",
            name=op.f("ck_alert_rules_metric"),
        ),
        sa.CheckConstraint("state in ('ok', 'raised')", name=op.f("ck_alert_rules_state")),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_alert_rules_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_rules")),
    )
    op.create_index("ix_alert_rules_project_id", "alert_rules", ["project_id", "created_at"])
    op.create_index("ix_alert_rules_next_at", "alert_rules", ["next_at"], postgresql_where=sa.text("enabled"))
    op.add_column("webhooks", sa.Column("format", sa.String(length=8), nullable=False, server_default="json"))
    op.create_check_constraint(op.f("ck_webhooks_format"), "webhooks", "format in ('json', 'slack', 'email')")


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.execute("delete from webhooks where format <> 'json'")
    op.drop_constraint(op.f("ck_webhooks_format"), "webhooks", type_="check")
    op.drop_column("webhooks", "format")
    op.drop_table("alert_rules")
