"""`/p/{project}/notebook`: the notebooks of a skillpack's draft, which run in kernels of the project.

The content of the page is in `assets/ui/notebook`, which uses the public REST API.
"""

from __future__ import annotations

import reflex as rx

from studio.components.live import Notebook
from studio.pages.skillpack_page import OfSkillpack, page_of_skillpack
from studio.shell import Shell


class Notebooks(OfSkillpack, rx.State):
    """The skillpack whose notebooks are open."""


def page() -> rx.Component:
    """Render the selection of the skillpack, and its notebooks."""
    return page_of_skillpack(
        "notebook",
        "Notebook",
        Notebooks,
        Notebook,
        email=Shell.email,
        user=Shell.user_id,
        can_manage=Shell.can_manage,
    )
