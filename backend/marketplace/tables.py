"""Define the tables of the marketplace."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

STATUSES = ("draft", "published", "taken_down")


class Listing(SQLModel, table=True):
    """One skill of a project that is offered to other projects of the instance."""

    __tablename__: ClassVar[str] = "listings"
    __table_args__ = (
        UniqueConstraint("slug"),
        CheckConstraint(f"status in {STATUSES}", name="status"),
        CheckConstraint("price_micros >= 0", name="price_micros"),
        Index("ix_listings_project_id_created_at", "project_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_listings_published_at",
            text("published_at DESC"),
            text("id DESC"),
            postgresql_where=text("status = 'published'"),
        ),
        Index(
            "ix_listings_words",
            text("to_tsvector('simple'::regconfig, words)"),
            postgresql_using="gin",
            postgresql_where=text("status = 'published'"),
        ),
        Index("ix_listings_price", "price_micros", "id", postgresql_where=text("status = 'published'")),
        Index(
            "ix_listings_title",
            text("lower(coalesce(nullif(title, ''), slug))"),
            "id",
            postgresql_where=text("status = 'published'"),
        ),
        Index("ix_listings_skillpack_id", "skillpack_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    """The publisher."""
    slug: str = Field(max_length=64)
    """Its unique name in the instance. It never changes."""
    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE")
    skill_name: str = Field(max_length=200)
    title: str = Field(max_length=200)
    description: str = Field(default="", max_length=4000)
    marketing: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """From `marketing` in the skill.yaml, or written by the publisher."""
    words: str = Field(default="")
    """The text that searches use."""
    price_micros: int = Field(sa_type=BigInteger)
    """Price of each run that succeeds, in addition to the cost of the run. Jobs keep the price of their submission."""
    status: str = "draft"
    follows_active: bool = False
    """Each version that its skillpack activates is added automatically. False: versions are added by hand."""
    shows_approvals: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Runs may ask their callers for approvals, which show them the publisher's tools and their arguments."""
    last_version: int = 0
    """The newest version, for callers who name none."""
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    published_at: datetime | None = Field(default=None, sa_type=Timestamp)
    taken_down_at: datetime | None = Field(default=None, sa_type=Timestamp)


class ListingVersion(SQLModel, table=True):
    """A version of a listing: a deployment, which never changes."""

    __tablename__: ClassVar[str] = "listing_versions"
    __table_args__ = (
        Index("ix_listing_versions_deployment_id", "deployment_id"),
        Index("ix_listing_versions_project_id", "project_id"),
    )

    listing_id: UUID = Field(foreign_key="listings.id", ondelete="CASCADE", primary_key=True)
    number: int = Field(primary_key=True)
    """1, 2, 3… within the listing."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    deployment_id: UUID
    deployment_version: int
    notes: str = Field(default="", max_length=4000)
    """Notes of the publisher for callers."""
    is_breaking: bool = False
    """Callers of the previous version may have to change something."""
    changes: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """Changes of its schemas since the previous version: `{place, message, is_breaking}`."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class ListingCaller(SQLModel, table=True):
    """Counts of one project's runs of a listing, updated when its jobs end. The publisher sees only sums."""

    __tablename__: ClassVar[str] = "listing_callers"
    __table_args__ = (
        Index("ix_listing_callers_project_id", "project_id"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    listing_id: UUID = Field(foreign_key="listings.id", ondelete="CASCADE", primary_key=True)
    caller_id: UUID = Field(primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    """The publisher."""
    runs: int = 0
    """Runs that have ended."""
    succeeded: int = 0
    charged_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """Prices that the caller paid."""
    earned_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The publisher's share of them."""
