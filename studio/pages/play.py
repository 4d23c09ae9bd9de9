"""`/p/{project}/play/{skill}`: the playground, which runs a skill with several versions, models and prompts.

The playground is in `assets/ui/play`, which uses the public REST API.
"""

from __future__ import annotations

import reflex as rx

from backend.core.errors import Missing
from backend.skills.deployments import service as deployments
from studio import session
from studio.components.live import Playground
from studio.shell import Crumb, Shell, shell
from studio.skills import SkillView, active_skills
from studio.typing_of_reflex import Handled, as_var


class Play(rx.State):
    """The skill of the playground."""

    name: str = ""
    skillpack: str = ""
    """The slug of the skillpack."""
    full_name: str = ""
    here: str = ""
    """The last part of the URL, in the form of `SkillView.play`."""
    others: list[SkillView] = []
    is_loaded: bool = False

    @rx.event
    async def load(self) -> Handled:
        """Load the skill of the URL."""
        self.reset()
        try:
            async with session.acting(self, self.project) as act:
                pack = self.router.url.query_parameters.get("skillpack", "")
                found = await deployments.get_skill(
                    act.session, act.principal, self.skill, skillpack=pack or None
                )
                self.others = await active_skills(act)
        except Missing as missing:
            return Shell.close(missing.detail)
        self.name, self.skillpack = found.skill.name, found.skillpack_slug
        self.full_name = found.full_name
        same = [one for one in self.others if one.name == self.name and one.pack == self.skillpack]
        self.here = same[0].play if same else ""
        self.is_loaded = True
        return None

    @rx.event
    def pick_skill(self, play: str) -> Handled:
        """Open the playground of another skill."""
        return rx.redirect(f"/p/{self.project}/play/{play}")


def page() -> rx.Component:
    """Render the selection of the skill, and the playground."""
    base = "/p/" + Shell.project_slug
    selection = rx.cond(
        as_var(Play.others).length() > 1,
        rx.el.select(
            rx.foreach(Play.others, lambda one: rx.el.option(one.full_name, value=one.play)),
            value=Play.here,
            on_change=Play.pick_skill,
            aria_label="Skill",
            class_name="in",
            style={"max_width": "180px"},
        ),
    )
    return shell(
        "project",
        [Crumb(Shell.project_name, base), Crumb("Skills", base), Crumb(Play.full_name)],
        rx.cond(
            Play.is_loaded,
            Playground.create(
                project=Shell.project_slug,
                csrf=Shell.csrf,
                skill=Play.name,
                skillpack=Play.skillpack,
                full_name=Play.full_name,
                can_write=Shell.can_write,
                key=Shell.project_slug + Play.skillpack + Play.name,
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[selection],
    )
