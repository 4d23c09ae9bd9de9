"""`/p/{project}/chat`: conversations with the agents of a project.

The conversation is in `assets/ui/chat`, which uses the public REST API.
"""

from __future__ import annotations

from urllib.parse import urlencode

import reflex as rx

from studio import session
from studio.components.elements import empty, link_button
from studio.components.live import Chat
from studio.components.snippets import from_code
from studio.first_snippets import of_push
from studio.shell import Crumb, Shell, shell
from studio.skills import active_skills


class Chats(rx.State):
    """The agents of the project, and the one that the page shows."""

    agents: list[str] = []
    """Full names."""
    agent: str = ""
    push: dict[str, str] = {}
    """Code snippets that publish the first version."""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Load the agents, and select the one of the URL."""
        self.reset()
        async with session.acting(self, self.project) as act:
            found = await active_skills(act)
        self.agents = [one.full_name for one in found if one.kind == "agent"]
        wanted = self.router.url.query_parameters.get("skill", "")
        self.agent = wanted if wanted in self.agents else next(iter(self.agents), "")
        self.push = of_push(session.context().settings.url, "")
        self.is_loaded = True

    @rx.event
    def pick_agent(self, agent: str):
        """Show the conversations with another agent."""
        return rx.redirect(f"/p/{self.project}/chat?{urlencode({'skill': agent})}")


def page() -> rx.Component:
    """Render the selection of the agent, and its conversations."""
    base = "/p/" + Shell.project_slug
    selection = rx.cond(
        Chats.agents.length() > 1,
        rx.el.select(
            rx.foreach(Chats.agents, lambda one: rx.el.option(one, value=one)),
            value=Chats.agent,
            on_change=Chats.pick_agent,
            aria_label="Agent",
            class_name="in",
            style={"max_width": "180px"},
        ),
    )
    return shell(
        "chat",
        [Crumb(Shell.project_name, base), Crumb("Chat")],
        rx.el.h1("Chat", class_name="hidden-label"),
        rx.cond(
            Chats.is_loaded,
            rx.cond(
                Chats.agent != "",
                Chat.create(
                    project=Shell.project_slug,
                    csrf=Shell.csrf,
                    skill=Chats.agent,
                    can_write=Shell.can_write,
                    key=Shell.project_slug + Chats.agent,
                ),
                _none_yet(base),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[selection],
    )


def _none_yet(base: rx.Var[str]) -> rx.Component:
    return empty(
        "message-square",
        "No agents yet",
        "An agent is a skill whose entrypoint is a prompt. Publish one to talk to it here, and from your application.",
        rx.el.div(
            link_button("Write an agent", href=base + "/editor", icon="file-code-2", kind="pri"),
            class_name="row",
        ),
        from_code(Chats.push),
    )
