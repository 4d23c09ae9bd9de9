"""`/p/{project}/editor`: the draft of a skillpack, edited and tested in the browser.

The editor is in `assets/ui/editor`, which uses the public REST API.
"""

from __future__ import annotations

import reflex as rx

from studio.components.live import Editor
from studio.pages.skillpack_page import OfSkillpack, page_of_skillpack
from studio.shell import Shell


class Editing(OfSkillpack, rx.State):
    """The skillpack whose draft is open."""


def page() -> rx.Component:
    """Render the selection of the skillpack, and the editor."""
    return page_of_skillpack(
        "editor", "Editor", Editing, Editor, user=Shell.user_id, can_manage=Shell.can_manage
    )
