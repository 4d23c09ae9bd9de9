"""Versions of the prompts of agents by deployment, and labels of them.

Revision: 0064_prompts
After: 0063_user_preferences
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0064_prompts"
down_revision = "0063_user_preferences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "deployment_prompts",
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("skill_name", sa.String(200), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        *(_reference("deployment_prompts", table) for table in ("deployments", "projects", "skillpacks")),
        sa.PrimaryKeyConstraint("deployment_id", "skill_name", name=op.f("pk_deployment_prompts")),
    )
    op.create_index(
        "ix_deployment_prompts_skillpack_id_skill_name_number",
        "deployment_prompts",
        ["skillpack_id", "skill_name", "number"],
    )
    op.create_index("ix_deployment_prompts_project_id", "deployment_prompts", ["project_id"])
    op.create_table(
        "prompt_labels",
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("skill_name", sa.String(200), nullable=False),
        sa.Column("label", sa.String(40), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(200), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        *(_reference("prompt_labels", table) for table in ("projects", "skillpacks")),
        sa.PrimaryKeyConstraint("skillpack_id", "skill_name", "label", name=op.f("pk_prompt_labels")),
    )
    op.create_index("ix_prompt_labels_project_id", "prompt_labels", ["project_id"])


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("prompt_labels")
    op.drop_table("deployment_prompts")


def _reference(of: str, table: str) -> sa.ForeignKeyConstraint:
    column = f"{table.removesuffix('s')}_id"
    name = op.f(f"fk_{of}_{column}_{table}")
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete="CASCADE")
