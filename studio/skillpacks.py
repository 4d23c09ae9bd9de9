"""The skillpacks of a project, as a page lets somebody choose one."""

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
    """A skillpack to choose."""

    slug: str
    name: str


class JobNames(NamedTuple):
    """What the skills of a project are called, whichever skillpack they are of."""

    slugs: dict[UUID, str]
    """Of the skillpacks other than the default one."""

    def of(self, job: JobRead) -> str:
        """That of the job's skill; a prompt of a request has none."""
        return job.skill_name if job.prompt is not None else self.called(job.skill_name, job.skillpack_id)

    def called(self, skill: str, skillpack_id: UUID | None) -> str:
        """The whole name of a skill."""
        slug = self.slugs.get(skillpack_id, "") if skillpack_id else ""
        return full_name(skill, slug, is_default=not slug)


async def job_names(session: AsyncSession, principal: Principal) -> JobNames:
    """Those of the principal's project."""
    packs = await skillpacks.list_(session, principal)
    return JobNames({pack.id: pack.slug for pack in packs if not pack.is_default})


async def packs_of(act: Act) -> list[Pack]:
    """The project's skillpacks, the default one first."""
    return [Pack(one.slug, one.name) for one in await skillpacks.list_(act.session, act.principal)]


def chosen(packs: list[Pack], asked: str) -> str:
    """The slug that the address asks for, else that of the default one."""
    return asked if any(one.slug == asked for one in packs) else packs[0].slug


def pack_choice(packs: rx.Var[list[Pack]], slug: rx.Var[str], on_pick: rx.EventHandler) -> rx.Component:
    """The choice of the skillpack, where there are several."""
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
