"""List the versions of a skillpack: filtered, in several orders, and page by page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from sqlalchemy import ColumnElement, column, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.paging import Page, Slice
from backend.core.db.sorting import SortKey, number_key, sorted_query
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.deployments import environments
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks import service as skillpacks

DeploymentSort = Literal["version", "-version", "size", "-size"]
"""The order of a list of versions; `-` for descending."""
DeploymentState = Literal["active", "inactive"]
"""Whether a version is active in an environment."""
NEWEST_FIRST: Final[DeploymentSort] = "-version"
_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    "version": SortKey(col(Deployment.version), number_key),
    "size": SortKey(col(Deployment.size_bytes), number_key),
}


class DeploymentFilter(NamedTuple):
    """Selects the versions of a list."""

    q: str | None = None
    """A part of the release notes or of the name of a skill, or a version such as `v12`."""
    state: DeploymentState | None = None


async def list_page(
    session: AsyncSession,
    principal: Principal,
    page: Page,
    filters: DeploymentFilter | None = None,
    *,
    skillpack: str | None = None,
    sort: DeploymentSort = NEWEST_FIRST,
) -> Slice[Deployment]:
    """Return a page of the versions of a skillpack, by default of the default one, newest first.

    Raises:
        SkillpackNotFound: The skillpack does not exist.
        Invalid: The cursor is not one of a list in this order.
    """
    principal.require(Role.VIEWER, "deployments:read")
    pack = await skillpacks.get(session, principal, skillpack)
    query = visible(Deployment, principal).where(
        col(Deployment.skillpack_id) == pack.id,
        col(Deployment.kind) == "version",
        col(Deployment.deleted_at).is_(None),
    )
    filters = filters or DeploymentFilter()
    if filters.q and filters.q.strip():
        query = query.where(_matches(filters.q.strip()))
    if filters.state is not None:
        found = (await environments.all_active(session, principal, pack)).values()
        is_active = col(Deployment.id).in_([one.active_id for one in found if one.active_id is not None])
        query = query.where(is_active if filters.state == "active" else ~is_active)
    query = sorted_query(query, _SORT_KEYS, sort, col(Deployment.id), page)
    rows = page.slice((await session.execute(query)).all(), lambda row: (sort, row.sort_key, row[0].id))
    return Slice([row[0] for row in rows.items], rows.next_cursor)


def _matches(text: str) -> ColumnElement[bool]:
    """Return the condition for versions with the text in their notes or in the name of a skill."""
    skill = func.json_array_elements(col(Deployment.manifest)["skills"]).table_valued(
        column("value", JSON), name="skill"
    )
    name = skill.c.value["name"].astext
    conditions: list[ColumnElement[bool]] = [
        col(Deployment.notes).icontains(text, autoescape=True),
        exists(select(1).select_from(skill).where(name.icontains(text, autoescape=True))),
    ]
    number = text.lower().removeprefix("v")
    if number.isascii() and number.isdecimal() and len(number) <= 9:
        conditions.append(col(Deployment.version) == int(number))
    return or_(*conditions)
