"""The durable steps of functions, what jobs wait for, and the events of projects.

Revision: 0047_durable_steps
After: 0046_provider_prices
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0047_durable_steps"
down_revision = "0046_provider_prices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "job_steps",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("branch", sa.String(length=200), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("occurrence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("result", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('step', 'sleep', 'event', 'emit')", name=op.f("ck_job_steps_kind")),
        sa.CheckConstraint("status in ('started', 'finished', 'failed')", name=op.f("ck_job_steps_status")),
        sa.CheckConstraint("position > 0 and occurrence > 0", name=op.f("ck_job_steps_position")),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_steps_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "branch", "position", name=op.f("pk_job_steps")),
    )
    op.create_table(
        "project_events",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=200), nullable=False),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sent_by", sa.String(length=200), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_project_events_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_project_events")),
        sa.UniqueConstraint("project_id", "id", name=op.f("uq_project_events_project_id_id")),
    )
    op.create_index(
        "ix_project_events_project_id_type_received_at",
        "project_events",
        ["project_id", "type", "received_at"],
    )
    op.create_index("ix_project_events_project_id_seq", "project_events", ["project_id", "seq"])
    op.create_index("ix_project_events_received_at", "project_events", ["received_at"])
    op.create_table(
        "job_waits",
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("wake_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_type", sa.String(length=200), nullable=True),
        sa.Column(
            "match",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "skipped", postgresql.ARRAY(sa.BigInteger()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("event_seq", sa.BigInteger(), nullable=True),
        sa.Column("is_suspended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind in ('time', 'event')", name=op.f("ck_job_waits_kind")),
        sa.CheckConstraint(
            "(kind = 'event') = (event_type is not null)", name=op.f("ck_job_waits_event_type")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_job_waits_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            name=op.f("fk_job_waits_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "key", name=op.f("pk_job_waits")),
    )
    op.create_index(
        "ix_job_waits_due",
        "job_waits",
        ["wake_at"],
        postgresql_where=sa.text("is_suspended and wake_at is not null"),
    )
    op.create_index(
        "ix_job_waits_open_events",
        "job_waits",
        ["project_id", "event_type"],
        postgresql_where=sa.text("kind = 'event' and event_seq is null"),
    )
    op.create_index(
        "ix_job_waits_event_seq",
        "job_waits",
        ["event_seq"],
        postgresql_where=sa.text("event_seq is not null"),
    )


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.drop_table("job_waits")
    op.drop_table("project_events")
    op.drop_table("job_steps")
