"""The common part of the pages for one skillpack: the URL names it, and a control selects it if there are several."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio import session
from studio.shell import Crumb, Shell, shell
from studio.skillpacks import Pack, chosen, pack_choice, packs_of
from studio.typing_of_reflex import Handled


class OfSkillpack(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """The state of a page for one skillpack."""

    packs: list[Pack] = []
    slug: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the skillpack of the URL, or the default one."""
        self.reset()
        async with session.acting(self, self.project) as act:
            self.packs = await packs_of(act)
            await self._read_more(act)
        self.slug = chosen(self.packs, self.router.url.query_parameters.get("skillpack", ""))
        self.is_loaded = True

    async def _read_more(self, act: session.Act) -> None:
        """Read what only this page shows."""

    @rx.event
    def pick(self, slug: str) -> Handled:
        """Open the page for another skillpack."""
        return rx.redirect(f"{self.router.url.path}?skillpack={slug}", replace=True)


def page_of_skillpack(
    here: str, title: str, state: type[Any], component: type[rx.Component], **props: Any
) -> rx.Component:
    """Render the selection of the skillpack, and a component for the selected one.

    Args:
        here: The active item of the sidebar.
        title: The title of the page.
        state: The state of the page, an `OfSkillpack`.
        component: The component that shows the skillpack.
        props: Further properties of the component.
    """
    return shell(
        here,
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb(title)],
        rx.el.h1(title, class_name="hidden-label"),
        rx.cond(
            state.is_loaded,
            component.create(
                project=Shell.project_slug,
                csrf=Shell.csrf,
                skillpack=state.slug,
                can_write=Shell.can_write,
                # A page that opens after another user has signed in first shows the state of the former one.
                key=Shell.project_slug + state.slug + Shell.user_id,
                **props,
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[pack_choice(state.packs, state.slug, state.pick)],
    )
