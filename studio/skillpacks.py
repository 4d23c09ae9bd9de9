"""The skillpacks of a project, and the control that selects one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import reflex as rx

from backend.core.db.engine import AsyncSession
from backend.execution.jobs.schemas import JobRead
from backend.identity.auth.principal import Principal
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import full_name
from studio.session import Act


@dataclass
class Pack:
    """A skillpack that can be selected."""

    slug: str
    name: str


class JobNames(NamedTuple):
    """The full names of the skills of a project."""

    slugs: dict[UUID, str]
    """The slugs of all skillpacks."""
    default_id: UUID | None = None
    """The skillpack whose skills have no prefix."""

    def of(self, job: JobRead) -> str:
        """Return the full name of the skill of a job; a job with an inline prompt has no skillpack."""
        return job.skill_name if job.prompt is not None else self.called(job.skill_name, job.skillpack_id)

    def called(self, skill: str, skillpack_id: UUID | None) -> str:
        """Return the full name of a skill."""
        slug = self.slugs.get(skillpack_id, "") if skillpack_id else ""
        return full_name(skill, slug, is_default=not slug or skillpack_id == self.default_id)


async def job_names(session: AsyncSession, principal: Principal) -> JobNames:
    """Return the names of the skills of the principal's project."""
    packs = await skillpacks.list_(session, principal)
    default_id = next((pack.id for pack in packs if pack.is_default), None)
    return JobNames({pack.id: pack.slug for pack in packs}, default_id)


async def packs_of(act: Act) -> list[Pack]:
    """Return the skillpacks of the project, the default one first."""
    return [Pack(one.slug, one.name) for one in await skillpacks.list_(act.session, act.principal)]


def chosen(packs: list[Pack], requested: str) -> str:
    """Return the requested slug if there is such a skillpack, otherwise the slug of the default one."""
    return requested if any(one.slug == requested for one in packs) else packs[0].slug


def pack_choice(packs: rx.Var[list[Pack]], slug: rx.Var[str], on_pick: rx.EventHandler) -> rx.Component:
    """Render the selection of the skillpack, if there are several."""
    return rx.cond(
        packs.length() > 1,
        rx.el.select(
            rx.foreach(packs, lambda pack: rx.el.option(pack.name, value=pack.slug)),
            value=slug,
            on_change=on_pick,
            class_name="in",
            aria_label="Skillpack",
        ),
    )
