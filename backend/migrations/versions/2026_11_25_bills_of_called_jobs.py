"""Subjobs are charged with their caller: one charge for the whole tree, according to the final status of the caller.

Revision: 0021_called_bills
After: 0020_inline_prompts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021_called_bills"
down_revision = "0020_inline_prompts"
branch_labels = None
depends_on = None

AMOUNTS = ("called_used_micros", "called_cost_micros", "called_forgiven_micros")


def upgrade() -> None:
    """Apply the migration; earlier subjobs were charged themselves."""
    op.execute("set local lock_timeout = '5s'")
    for name in AMOUNTS:
        op.add_column("jobs", sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column("jobs", sa.Column("bill", sa.String(8), server_default="own", nullable=False))
    op.create_check_constraint(op.f("ck_jobs_bill"), "jobs", "bill in ('own', 'owed', 'folded')")
    op.create_index(
        "ix_jobs_project_id_owed", "jobs", ["project_id"], postgresql_where=sa.text("bill = 'owed'")
    )


def downgrade() -> None:
    """Revert the migration; what running jobs owe for subjobs is not charged."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_index("ix_jobs_project_id_owed", table_name="jobs")
    op.drop_constraint(op.f("ck_jobs_bill"), "jobs", type_="check")
    for name in ("bill", *AMOUNTS):
        op.drop_column("jobs", name)
