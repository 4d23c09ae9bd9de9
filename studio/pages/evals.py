"""`/p/{project}/evals`: how good the skills of a skillpack are, version by version.

The page itself is `assets/ui/evals`, which speaks to the same REST routes as everybody else.
"""

from __future__ import annotations

import reflex as rx

from studio import session
from studio.components.evals import EvalBoard
from studio.first_snippets import of_push, of_suite
from studio.pages.skillpack_page import OfSkillpack, page_of_skillpack


class Evals(OfSkillpack, rx.State):
    """Of which skillpack the evals are shown."""

    push: dict[str, str] = {}
    """How the first version is made from code."""
    suite: dict[str, str] = {}
    """How the cases of a skill are run from code."""

    @rx.event
    def write(self):
        """What is done from code, once the skillpack is known."""
        origin, is_default = session.context().settings.url, self.slug == self.packs[0].slug
        self.push = of_push(origin, "" if is_default else self.slug)
        self.suite = of_suite(origin, self.slug, is_default=is_default)


def page() -> rx.Component:
    """The choice of the skillpack, and its evals."""
    return page_of_skillpack("evals", "Evals", Evals, EvalBoard, push=Evals.push, suite=Evals.suite)
