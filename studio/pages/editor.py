"""`/p/{project}/editor`: the draft of a skillpack, edited and tested in the browser.

The editor is in `assets/ui/editor`, which uses the public REST API.
"""

from __future__ import annotations

import reflex as rx

from backend.identity.auth.principal import Role
from backend.integrations.providers.families import has_model, list_families
from studio import session
from studio.components.live import Editor
from studio.pages.skillpack_page import OfSkillpack, page_of_skillpack
from studio.shell import Shell


class Editing(OfSkillpack, rx.State):
    """The skillpack whose draft is open."""

    has_model: bool = False
    """Whether the assistant can work: the project can use a language model."""

    async def _read_more(self, act: session.Act) -> None:
        if act.principal.role >= Role.DEVELOPER:
            self.has_model = has_model(await list_families(act.session, session.context(), act.principal))


def page() -> rx.Component:
    """Render the selection of the skillpack, and the editor."""
    return page_of_skillpack(
        "editor",
        "Editor",
        Editing,
        Editor,
        user=Shell.user_id,
        can_manage=Shell.can_manage,
        has_model=Editing.has_model,
    )
