"""Request and response bodies of saved views."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from pydantic import Field, TypeAdapter

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody
from backend.data.drive.sorted_listing import BY_NAME, DriveSort
from backend.data.memory.schemas import MemorySort, MemoryState, MemoryType
from backend.evals.run_list import RunFilter, RunSort
from backend.execution.jobs.sorting import NEWEST_FIRST, JobSort
from backend.execution.jobs.view_filters import JobColumn, JobViewFilters
from backend.marketplace.catalog import NEWEST_FIRST as NEWEST_LISTING_FIRST
from backend.marketplace.catalog import ListingSort
from backend.marketplace.schemas import ListingStatus
from backend.skills.deployments.listing import NEWEST_FIRST as NEWEST_VERSION_FIRST
from backend.skills.deployments.listing import DeploymentSort, DeploymentState
from backend.storage.paths import MAX_PATH_BYTES

MAX_NAME_CHARACTERS = 80
_Text = Annotated[str, Field(max_length=200)]


class ViewOfJobs(RequestBody):
    """A view of the list of jobs."""

    page: Literal["jobs"]
    filters: JobViewFilters = Field(default_factory=JobViewFilters)
    sort: JobSort = NEWEST_FIRST
    columns: list[JobColumn] | None = Field(default=None, max_length=20)
    """The columns in their order; null: those that the user has chosen in the browser."""


class DeploymentViewFilters(RequestBody):
    """The filters of a view of versions. They have the names and values of the query of `GET /v1/deployments`."""

    skillpack: _Text | None = None
    q: _Text | None = None
    state: DeploymentState | None = None


class ViewOfDeployments(RequestBody):
    """A view of the versions of a skillpack."""

    page: Literal["deployments"]
    filters: DeploymentViewFilters = Field(default_factory=DeploymentViewFilters)
    sort: DeploymentSort = NEWEST_VERSION_FIRST


class DriveViewFilters(RequestBody):
    """The filters of a view of files."""

    folder: Annotated[str, Field(max_length=MAX_PATH_BYTES)] | None = None
    """Its path with a slash at its end; null for the root."""
    q: _Text | None = None
    """A part of the names."""


class ViewOfDrive(RequestBody):
    """A view of a folder of the drive."""

    page: Literal["drive"]
    filters: DriveViewFilters = Field(default_factory=DriveViewFilters)
    sort: DriveSort = BY_NAME


class MemoryViewFilters(RequestBody):
    """The filters of a view of records. They have the names and values of the query of `GET /v1/memory`."""

    q: Annotated[str, Field(max_length=4_000)] | None = None
    """A search by key, words and meaning."""
    state: MemoryState | None = None
    mtype: MemoryType | None = None


class ViewOfMemory(RequestBody):
    """A view of the records of the memory."""

    page: Literal["memory"]
    filters: MemoryViewFilters = Field(default_factory=MemoryViewFilters)
    sort: MemorySort = "-updated_at"


class EvalViewFilters(RequestBody):
    """The filters of a view of evals."""

    skillpack: _Text | None = None
    skill: _Text | None = None
    tab: Literal["suites", "cases", "gate", "findings"] | None = None
    """The part of the page."""
    suite: UUID | None = None
    """The open suite; null: the newest one."""
    only: RunFilter | None = None
    """The runs that are shown, as in `GET /v1/evals/{suite_id}/cases`."""
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    """The period of the insights."""


class ViewOfEvals(RequestBody):
    """A view of the suites of a skill and of their runs."""

    page: Literal["evals"]
    filters: EvalViewFilters = Field(default_factory=EvalViewFilters)
    sort: RunSort = "number"


class ListingViewFilters(RequestBody):
    """The filters of a view of listings, with the names and values of the query of `GET /v1/marketplace/listings`."""

    q: _Text | None = None
    mine: bool | None = None
    status: ListingStatus | None = None


class ViewOfListings(RequestBody):
    """A view of the listings of the marketplace."""

    page: Literal["marketplace"]
    filters: ListingViewFilters = Field(default_factory=ListingViewFilters)
    sort: ListingSort = NEWEST_LISTING_FIRST


ViewPage = Literal["jobs", "deployments", "drive", "memory", "evals", "marketplace"]
View: TypeAlias = ViewOfJobs | ViewOfDeployments | ViewOfDrive | ViewOfMemory | ViewOfEvals | ViewOfListings
AnyView = Annotated[View, Field(discriminator="page")]
_VIEW: Final[TypeAdapter[View]] = TypeAdapter(AnyView)


def view_of(page: str, content: Any) -> View:
    """Return the view of a page with the content.

    Raises:
        ValidationError: The content is not one of a view of this page.
    """
    return _VIEW.validate_python({**content, "page": page})


class SavedViewUpdate(RequestBody):
    """Body of `PUT /v1/saved-views/{name}`."""

    view: AnyView


class SavedViewRead(Schema):
    """A saved view of a list."""

    name: str
    view: AnyView
    updated_at: datetime
