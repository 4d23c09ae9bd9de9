"""Annotation queues with their items, and annotations of jobs.

Revision: 0066_annotation_queues
After: 0065_edited_approvals
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0066_annotation_queues"
down_revision = "0065_edited_approvals"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.create_table(
        "annotation_queues",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("instructions", sa.String(10_000), nullable=False),
        sa.Column("filter", postgresql.JSONB(), nullable=True),
        sa.Column("rubric", postgresql.JSONB(), nullable=False),
        sa.Column("filled_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            op.f("fk_annotation_queues_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation_queues")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_annotation_queues_project_id_name")),
    )
    op.create_table(
        "annotation_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("added_by", sa.String(200), nullable=False),
        sa.Column("added_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.String(200), nullable=True),
        sa.Column("claimed_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("completed_by", sa.String(200), nullable=True),
        sa.Column("completed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status in ('pending', 'done', 'skipped')", name=op.f("ck_annotation_items_status")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["projects.id"],
            op.f("fk_annotation_items_project_id_projects"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"],
            ["annotation_queues.id"],
            op.f("fk_annotation_items_queue_id_annotation_queues"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], op.f("fk_annotation_items_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation_items")),
        sa.UniqueConstraint("queue_id", "job_id", name=op.f("uq_annotation_items_queue_id_job_id")),
    )
    op.create_index("ix_annotation_items_queue", "annotation_items", ["project_id", "queue_id", "number"])
    op.create_index(
        "ix_annotation_items_queue_status", "annotation_items", ["project_id", "queue_id", "status", "number"]
    )
    op.create_index("ix_annotation_items_job_id", "annotation_items", ["job_id"])
    op.create_table(
        "annotations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=False),
        sa.Column("queue_id", sa.Uuid(), nullable=True),
        sa.Column("step", sa.String(200), nullable=False),
        sa.Column("scores", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("comment", sa.String(10_000), nullable=False),
        sa.Column("corrected_output", postgresql.JSON(), nullable=True),
        sa.Column("has_corrected_output", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], op.f("fk_annotations_project_id_projects"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], op.f("fk_annotations_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["queue_id"],
            ["annotation_queues.id"],
            op.f("fk_annotations_queue_id_annotation_queues"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotations")),
        sa.UniqueConstraint(
            "job_id",
            "queue_id",
            "created_by",
            "step",
            name=op.f("uq_annotations_job_id_queue_id_created_by_step"),
        ),
    )
    op.create_index("ix_annotations_queue_id", "annotations", ["queue_id"])
    op.create_index("ix_annotations_queue", "annotations", ["project_id", "queue_id", "job_id", "id"])


def downgrade() -> None:
    """Revert the migration."""
    op.drop_table("annotations")
    op.drop_table("annotation_items")
    op.drop_table("annotation_queues")
