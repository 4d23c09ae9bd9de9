"""Schedules, and the outcome of each of their due times.

Revision: 0018_schedules
After: 0017_marketplace
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018_schedules"
down_revision = "0017_marketplace"
branch_labels = None
depends_on = None

_OUTCOMES = "outcome in ('submitted', 'skipped', 'missed', 'refused')"
_OVERLAPS = "overlap in ('skip', 'queue', 'cancel_previous')"


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("skill_name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("inputs", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("limits", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("metadata", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("cron", sa.String(length=200), nullable=False),
        sa.Column("time_zone", sa.String(length=100), nullable=False),
        sa.Column("overlap", sa.String(), nullable=False),
        sa.Column("missed", sa.String(), nullable=False),
        sa.Column("catch_up_s", sa.Integer(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_OVERLAPS, name=op.f("ck_schedules_overlap")),
        sa.CheckConstraint("missed in ('skip', 'run_once')", name=op.f("ck_schedules_missed")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name=op.f("fk_schedules_project_id_projects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["skillpack_id"],
            ["skillpacks.id"],
            name=op.f("fk_schedules_skillpack_id_skillpacks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedules")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_schedules_project_id_name")),
    )
    op.create_index(
        "ix_schedules_next_at_due",
        "schedules",
        ["next_at"],
        postgresql_where=sa.text("next_at is not null"),
    )
    op.create_table(
        "schedule_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(length=1000), nullable=False),
        sa.Column("code", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(_OUTCOMES, name=op.f("ck_schedule_runs_outcome")),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedules.id"],
            name=op.f("fk_schedule_runs_schedule_id_schedules"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_schedule_runs_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule_runs")),
        sa.UniqueConstraint("schedule_id", "due_at", name=op.f("uq_schedule_runs_schedule_id_due_at")),
    )
    op.create_index(
        "ix_schedule_runs_project_id_schedule_id_due_at",
        "schedule_runs",
        ["project_id", "schedule_id", sa.text("due_at DESC"), sa.text("id DESC")],
    )
    op.create_index("ix_schedule_runs_created_at", "schedule_runs", ["created_at"])
    op.create_index(
        "ix_schedule_runs_schedule_id_job",
        "schedule_runs",
        ["schedule_id", sa.text("due_at DESC")],
        postgresql_where=sa.text("job_id is not null"),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("schedule_runs")
    op.drop_table("schedules")
