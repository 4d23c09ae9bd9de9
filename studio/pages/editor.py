"""`/p/{project}/editor`: the working copy of a skillpack, written and tried in the browser.

The editor itself is `assets/ui/editor`, which speaks to the same REST routes as everybody else.
"""

from __future__ import annotations

import reflex as rx

from studio.components.live import Editor
from studio.pages.skillpack_page import OfSkillpack, page_of_skillpack
from studio.shell import Shell


class Editing(OfSkillpack, rx.State):
    """Whose working copy is open."""


def page() -> rx.Component:
    """The choice of the skillpack, and the editor."""
    return page_of_skillpack(
        "editor", "Editor", Editing, Editor, user=Shell.user_id, can_manage=Shell.can_manage
    )
