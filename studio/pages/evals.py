"""`/p/{project}/evals`: how good the skills of a skillpack are, version by version.

The page itself is `assets/ui/evals`, which speaks to the same REST routes as everybody else.
"""

from __future__ import annotations

import reflex as rx

from studio.components.evals import EvalBoard
from studio.pages.of_skillpack import OfSkillpack, page_of_skillpack


class Evals(OfSkillpack, rx.State):
    """Of which skillpack the evals are shown."""


def page() -> rx.Component:
    """The choice of the skillpack, and its evals."""
    return page_of_skillpack("evals", "Evals", Evals, EvalBoard)
