"""`/p/{project}/evals`: the eval results of a skillpack by version.

The content of the page is in `assets/ui/evals`, which uses the public REST API.
"""

from __future__ import annotations

import reflex as rx

from studio import session
from studio.components.evals import EvalBoard
from studio.first_snippets import of_push, of_suite
from studio.pages.skillpack_page import OfSkillpack, page_of_skillpack


class Evals(OfSkillpack, rx.State):
    """The skillpack whose evals are shown."""

    push: dict[str, str] = {}
    """Code snippets that publish the first version."""
    suite: dict[str, str] = {}
    """Code snippets that run the eval cases of a skill."""

    @rx.event
    def write(self):
        """Create the code snippets for the selected skillpack."""
        origin, is_default = session.context().settings.url, self.slug == self.packs[0].slug
        self.push = of_push(origin, "" if is_default else self.slug)
        self.suite = of_suite(origin, self.slug, is_default=is_default)


def page() -> rx.Component:
    """Render the selection of the skillpack, and its evals."""
    return page_of_skillpack("evals", "Evals", Evals, EvalBoard, push=Evals.push, suite=Evals.suite)
