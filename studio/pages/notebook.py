"""`/p/{project}/notebook`: notebooks of a skillpack's working copy, run in the project's kernels.

The page itself is `assets/ui/notebook`, which speaks to the same REST routes as everybody else.
"""

from __future__ import annotations

import reflex as rx

from studio.components.live import Notebook
from studio.pages.skillpack_page import OfSkillpack, page_of_skillpack
from studio.shell import Shell


class Notebooks(OfSkillpack, rx.State):
    """Whose notebooks are open."""


def page() -> rx.Component:
    """The choice of the skillpack, and its notebooks."""
    return page_of_skillpack(
        "notebook",
        "Notebook",
        Notebooks,
        Notebook,
        email=Shell.email,
        user=Shell.user_id,
        can_manage=Shell.can_manage,
    )
