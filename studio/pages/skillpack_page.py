"""What the pages of one skillpack have in common: the address names it, and a choice stands where there are several."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio import session
from studio.shell import Crumb, Shell, shell
from studio.skillpacks import Pack, chosen, pack_choice, packs_of


class OfSkillpack(rx.State, mixin=True):
    """Whose page is open."""

    packs: list[Pack] = []
    slug: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Show the skillpack of the address; without one the default."""
        self.reset()
        async with session.acting(self, self.project) as act:
            self.packs = await packs_of(act)
        self.slug = chosen(self.packs, self.router.url.query_parameters.get("skillpack", ""))
        self.is_loaded = True

    @rx.event
    def pick(self, slug: str):
        """Show another skillpack's."""
        return rx.redirect(f"{self.router.url.path}?skillpack={slug}", replace=True)


def page_of_skillpack(
    place: str, title: str, shown: type[Any], component: type[rx.Component], **more: Any
) -> rx.Component:
    """The choice of the skillpack, where there are several, and what is shown of it; `more` are the component's own.

    `shown` is the page's state: an `OfSkillpack`.
    """
    return shell(
        place,
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb(title)],
        rx.el.h1(title, class_name="hidden-label"),
        rx.cond(
            shown.is_loaded,
            component.create(
                project=Shell.project_slug,
                csrf=Shell.csrf,
                skillpack=shown.slug,
                can_write=Shell.can_write,
                key=Shell.project_slug + shown.slug,
                **more,
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[pack_choice(shown.packs, shown.slug, shown.pick)],
    )
