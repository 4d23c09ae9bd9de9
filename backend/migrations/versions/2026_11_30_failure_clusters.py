"""Failed jobs have the signature of their error.

Revision: 0062_failure_clusters
After: 0061_draft_sessions
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0062_failure_clusters"
down_revision = "0061_draft_sessions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("error_signature", sa.String(16), nullable=True))
    op.create_index(
        "ix_jobs_project_id_error_signature",
        "jobs",
        ["project_id", "error_signature", sa.text("created_at DESC"), sa.text("id DESC")],
        postgresql_where=sa.text("error_signature is not null"),
        postgresql_include=["skill_name", "deployment_version", "environment"],
    )
    op.create_table(
        "failure_clusters",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("signature", sa.String(16), nullable=False),
        sa.Column("skill_name", sa.String(200), nullable=False),
        sa.Column("error_code", sa.String(64), nullable=False),
        sa.Column("message", sa.String(300), nullable=False),
        sa.Column("frame", sa.String(300), nullable=False),
        sa.Column("first_version", sa.Integer(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_failure_clusters_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", "signature", name=op.f("pk_failure_clusters")),
    )
    _allow_metrics("'error_rate', 'latency_p95', 'spend', 'queue_age', 'new_errors'")
    op.create_index("ix_failure_clusters_first_seen_at", "failure_clusters", ["first_seen_at"])


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.execute("delete from alert_rules where metric = 'new_errors'")
    _allow_metrics("'error_rate', 'latency_p95', 'spend', 'queue_age'")
    op.drop_table("failure_clusters")
    op.drop_index("ix_jobs_project_id_error_signature", table_name="jobs")
    op.drop_column("jobs", "error_signature")


def _allow_metrics(metrics: str) -> None:
    op.drop_constraint(op.f("ck_alert_rules_metric"), "alert_rules", type_="check")
    op.create_check_constraint(op.f("ck_alert_rules_metric"), "alert_rules", f"metric in ({metrics})")
