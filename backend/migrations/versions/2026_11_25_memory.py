"""Memory: records, their embeddings, their writers, and the usage of each project.

Revision: 0019_memory
After: 0018_schedules
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019_memory"
down_revision = "0018_schedules"
branch_labels = None
depends_on = None

_RECORDS = "memory_records"
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    _make_records()
    _index_records()
    op.create_table(
        "memory_vectors",
        sa.Column("memory_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("embedding", postgresql.ARRAY(sa.REAL()), nullable=False),
        *_references("memory_vectors"),
        sa.PrimaryKeyConstraint("memory_id", name=op.f("pk_memory_vectors")),
    )
    op.create_index("ix_memory_vectors_project_id", "memory_vectors", ["project_id"])
    _make_changes()
    op.create_table(
        "memory_usage",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        _of_project("memory_usage"),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_memory_usage")),
    )


def downgrade() -> None:
    """Revert the migration."""
    for table in ("memory_usage", "memory_changes", "memory_vectors", _RECORDS):
        op.drop_table(table)


def _make_records() -> None:
    op.create_table(
        _RECORDS,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=True),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("mtype", sa.String(), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("entity_key", sa.String(length=500), nullable=True),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("summary", sa.String(length=4000), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("aliases", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("content_hash", sa.String(length=128), nullable=True),
        sa.Column("source_url", sa.String(length=2000), nullable=True),
        sa.Column("importance", sa.REAL(), nullable=False),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("stale_at", _TIME, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("superseded_by", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("written_by", sa.String(length=200), nullable=False),
        sa.Column("forgotten_at", _TIME, nullable=True),
        sa.Column("forgotten_why", sa.String(length=500), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("names", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("embedded_version", sa.Integer(), nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.CheckConstraint(
            "mtype in ('semantic', 'episodic', 'procedural')", name=op.f("ck_memory_records_mtype")
        ),
        sa.CheckConstraint(
            "scope in ('entity', 'skillpack', 'workspace')", name=op.f("ck_memory_records_scope")
        ),
        sa.CheckConstraint(
            "(scope = 'skillpack') = (skillpack_id is not null)", name=op.f("ck_memory_records_place")
        ),
        _of_project(_RECORDS),
        sa.ForeignKeyConstraint(
            ["skillpack_id"],
            ["skillpacks.id"],
            name=op.f("fk_memory_records_skillpack_id_skillpacks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memory_records")),
    )


def _index_records() -> None:
    op.create_index(
        "uq_memory_records_key",
        _RECORDS,
        ["project_id", "kind", "entity_key", "scope", sa.text("coalesce(skillpack_id, project_id)")],
        unique=True,
        postgresql_where=sa.text("entity_key is not null and mtype <> 'episodic' and forgotten_at is null"),
    )
    op.create_index(
        "ix_memory_records_project_id_updated_at",
        _RECORDS,
        ["project_id", sa.text("updated_at DESC"), sa.text("id DESC")],
    )
    for column in ("names", "words"):
        op.create_index(f"ix_memory_records_{column}", _RECORDS, [column], postgresql_using="gin")
    for column in ("skillpack_id", "job_id"):
        op.create_index(f"ix_memory_records_{column}", _RECORDS, [column])
    for name, column, where in (
        ("pinned", "project_id", "pinned and forgotten_at is null"),
        ("forgotten_at", "forgotten_at", "forgotten_at is not null"),
        ("stale_at", "stale_at", "stale_at is not null"),
        ("unembedded", "updated_at", "embedded_version is distinct from version and forgotten_at is null"),
    ):
        op.create_index(f"ix_memory_records_{name}", _RECORDS, [column], postgresql_where=sa.text(where))


def _make_changes() -> None:
    op.create_table(
        "memory_changes",
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("memory_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("call_key", sa.String(length=255), nullable=True),
        sa.Column("written_by", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.CheckConstraint("action in ('put', 'forget')", name=op.f("ck_memory_changes_action")),
        *_references("memory_changes"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_memory_changes")),
    )
    op.create_index("ix_memory_changes_memory_id", "memory_changes", ["memory_id", sa.text("id DESC")])
    op.create_index("ix_memory_changes_at", "memory_changes", ["at"])
    op.create_index("ix_memory_changes_project_id", "memory_changes", ["project_id"])
    op.create_index(
        "uq_memory_changes_call",
        "memory_changes",
        ["job_id", "call_key"],
        unique=True,
        postgresql_where=sa.text("call_key is not null"),
    )


def _of_project(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_project_id_projects")
    return sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name=name, ondelete="CASCADE")


def _references(table: str) -> tuple[sa.ForeignKeyConstraint, sa.ForeignKeyConstraint]:
    name = op.f(f"fk_{table}_memory_id_memory_records")
    return (
        sa.ForeignKeyConstraint(["memory_id"], ["memory_records.id"], name=name, ondelete="CASCADE"),
        _of_project(table),
    )
