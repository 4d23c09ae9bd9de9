"""The marketplace: listings with their versions and callers, and the shares in the price of their jobs.

Revision: 0017_marketplace
After: 0016_drafts
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017_marketplace"
down_revision = "0016_drafts"
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)
_NONE_YET = sa.text("0")


def upgrade() -> None:
    """Apply the migration."""
    op.execute("set local lock_timeout = '5s'")
    op.add_column("jobs", sa.Column("listing_id", sa.Uuid(), nullable=True))
    op.add_column("jobs", sa.Column("listing", sa.String(64), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("listing_version", sa.Integer(), nullable=True))
    op.add_column("jobs", sa.Column("publisher_id", sa.Uuid(), nullable=True))
    for column in ("price_micros", "earning_micros"):
        op.add_column("jobs", sa.Column(column, sa.BigInteger(), nullable=False, server_default=_NONE_YET))
    op.create_index(
        "ix_jobs_publisher_id_live",
        "jobs",
        ["publisher_id"],
        postgresql_where=sa.text("publisher_id is not null and finished_at is null"),
    )
    _create_listings()
    _create_versions()
    _create_callers()


def downgrade() -> None:
    """Revert the migration."""
    op.execute("set local lock_timeout = '5s'")
    for table in ("listing_callers", "listing_versions", "listings"):
        op.drop_table(table)
    op.drop_index("ix_jobs_publisher_id_live", table_name="jobs")
    for column in (
        "earning_micros",
        "price_micros",
        "publisher_id",
        "listing_version",
        "listing",
        "listing_id",
    ):
        op.drop_column("jobs", column)


def _create_listings() -> None:
    op.create_table(
        "listings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("skillpack_id", sa.Uuid(), nullable=False),
        sa.Column("skill_name", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.String(length=4000), nullable=False),
        sa.Column("marketing", postgresql.JSONB(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("price_micros", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("follows_active", sa.Boolean(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("updated_at", _MOMENT, nullable=False),
        sa.Column("published_at", _MOMENT, nullable=True),
        sa.Column("taken_down_at", _MOMENT, nullable=True),
        sa.CheckConstraint("status in ('draft', 'published', 'taken_down')", name=op.f("ck_listings_status")),
        sa.CheckConstraint("price_micros >= 0", name=op.f("ck_listings_price_micros")),
        _refers("listings", "project_id", "projects"),
        _refers("listings", "skillpack_id", "skillpacks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.UniqueConstraint("slug", name=op.f("uq_listings_slug")),
    )
    is_published = sa.text("status = 'published'")
    newest = [sa.text("created_at DESC"), sa.text("id DESC")]
    op.create_index("ix_listings_project_id_created_at", "listings", ["project_id", *newest])
    op.create_index(
        "ix_listings_published_at",
        "listings",
        [sa.text("published_at DESC"), sa.text("id DESC")],
        postgresql_where=is_published,
    )
    op.create_index(
        "ix_listings_words",
        "listings",
        [sa.text("to_tsvector('simple'::regconfig, words)")],
        postgresql_using="gin",
        postgresql_where=is_published,
    )
    op.create_index("ix_listings_skillpack_id", "listings", ["skillpack_id"])


def _create_versions() -> None:
    op.create_table(
        "listing_versions",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("deployment_id", sa.Uuid(), nullable=False),
        sa.Column("deployment_version", sa.Integer(), nullable=False),
        sa.Column("notes", sa.String(length=4000), nullable=False),
        sa.Column("is_breaking", sa.Boolean(), nullable=False),
        sa.Column("changes", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'")),
        sa.Column("created_at", _MOMENT, nullable=False),
        _refers("listing_versions", "listing_id", "listings"),
        _refers("listing_versions", "project_id", "projects"),
        sa.PrimaryKeyConstraint("listing_id", "number", name=op.f("pk_listing_versions")),
    )
    op.create_index("ix_listing_versions_deployment_id", "listing_versions", ["deployment_id"])
    op.create_index("ix_listing_versions_project_id", "listing_versions", ["project_id"])


def _create_callers() -> None:
    op.create_table(
        "listing_callers",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("caller_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("succeeded", sa.Integer(), nullable=False),
        sa.Column("charged_micros", sa.BigInteger(), nullable=False, server_default=_NONE_YET),
        sa.Column("earned_micros", sa.BigInteger(), nullable=False, server_default=_NONE_YET),
        _refers("listing_callers", "listing_id", "listings"),
        _refers("listing_callers", "project_id", "projects"),
        sa.PrimaryKeyConstraint("listing_id", "caller_id", name=op.f("pk_listing_callers")),
        postgresql_with={"fillfactor": "50"},
    )
    op.create_index("ix_listing_callers_project_id", "listing_callers", ["project_id"])


def _refers(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}_{other}"), ondelete="CASCADE"
    )
