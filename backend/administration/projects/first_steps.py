"""Read which of the first steps in a project were taken, from stored rows, and dismiss them for one member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth.principal import Principal, Role

PLAYGROUND_SOURCE: Final = "studio"
"""`jobs.source` of the jobs that are run in the playground and the editor."""
_READ: Final = text(r"""
select
  exists (
    select from draft_files f
    where f.project_id = :project_id and f.deleted_at is null and f.path ~ '/(skill\.yaml|SKILL\.md)$'
  ) as has_draft,
  (  -- in an order, so that it is read from the index also if most jobs of the instance have this source
    select true from jobs j where j.project_id = :project_id and j.source = :source order by j.created_at limit 1
  ) is true as has_run,
  exists (
    select from skillpacks s where s.project_id = :project_id and s.active_deployment_id is not null
  ) as has_published,
  exists (
    select from api_keys k
    where k.project_id = :project_id and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())
  ) as has_key,
  exists (  -- through the keys, of which there are few: most jobs of the project may have no key
    select from api_keys k join jobs j on j.api_key_id = k.id
    where k.project_id = :project_id and j.project_id = :project_id
  ) as has_called,
  coalesce((
    select m.has_dismissed_first_steps from members m where m.project_id = :project_id and m.user_id = :user_id
  ), true) as is_dismissed
""")
_DISMISS: Final = text("""
update members set has_dismissed_first_steps = true
where project_id = :project_id and user_id = :user_id and not has_dismissed_first_steps
""")


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """The first steps in a project."""

    has_draft: bool
    """A draft has a skill."""
    has_run: bool
    """A job was run in the playground."""
    has_published: bool
    """A version is active."""
    has_key: bool
    """A valid API key exists."""
    has_called: bool
    """An API key has submitted a job."""
    is_dismissed: bool
    """The user has dismissed them, or is not a member."""

    @property
    def has_skill(self) -> bool:
        """Return whether a skill exists, in a draft or in an active version."""
        return self.has_draft or self.has_published

    @property
    def is_complete(self) -> bool:
        """Return whether all steps were taken."""
        return self.has_run and self.has_published and self.has_key and self.has_called


async def read(session: AsyncSession, member: Principal) -> FirstSteps:
    """Return the first steps in the project of a user.

    When all of them were taken, they are dismissed for the user, so that they do not return when jobs or keys are
    deleted.
    """
    member.require(Role.VIEWER, "project:read")
    values = {"project_id": member.project_id, "user_id": member.id, "source": PLAYGROUND_SOURCE}
    found = FirstSteps(**(await session.execute(_READ, values)).one()._mapping)
    if found.is_complete and not found.is_dismissed:
        await dismiss(session, member)
    return found


async def dismiss(session: AsyncSession, member: Principal) -> None:
    """Dismiss the first steps in the project for a user; other members still see them."""
    member.require(Role.VIEWER, "project:read")
    await session.execute(_DISMISS, {"project_id": member.project_id, "user_id": member.id})
