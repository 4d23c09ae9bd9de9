"""Errors of failed jobs can be resolved and ignored.

Revision: 0069_failure_states
After: 0068_configuration_stamps
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0069_failure_states"
down_revision = "0068_configuration_stamps"
branch_labels = None
depends_on = None

_STATES = "state in ('open', 'resolved', 'ignored')"


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    table = "failure_clusters"
    op.add_column(table, sa.Column("state", sa.String(8), nullable=False, server_default="open"))
    op.add_column(table, sa.Column("state_changed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(table, sa.Column("state_changed_by", sa.String(200), nullable=False, server_default=""))
    op.add_column(table, sa.Column("note", sa.String(1000), nullable=False, server_default=""))
    op.add_column(table, sa.Column("fixed_in_version", sa.Integer(), nullable=True))
    op.add_column(table, sa.Column("ignored_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(table, sa.Column("ignored_jobs", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("ck_failure_clusters_state"), table, _STATES)


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_constraint(op.f("ck_failure_clusters_state"), "failure_clusters", type_="check")
    for name in (
        "ignored_jobs",
        "ignored_until",
        "fixed_in_version",
        "note",
        "state_changed_by",
        "state_changed_at",
        "state",
    ):
        op.drop_column("failure_clusters", name)
