"""`/p/{project}/chat`: conversations with the agents of a project.

The conversation is in `assets/ui/chat`, which uses the public REST API.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import reflex as rx

from backend.identity.environments import ENVIRONMENTS, PRODUCTION, Environment
from studio import session
from studio.components.elements import empty, link_button
from studio.components.live import Chat
from studio.components.snippets import from_code
from studio.environments import NAMES
from studio.first_snippets import of_push
from studio.shell import Crumb, Shell, shell
from studio.skills import active_skills


class Chats(rx.State):
    """The agents of the project, and the one that the page shows."""

    environments: list[list[str]] = []
    """Names and titles of the environments in which an agent is active, production first."""
    environment: Environment = PRODUCTION
    agents: list[str] = []
    """Full names of the agents that are active in the environment."""
    agent: str = ""
    push: dict[str, str] = {}
    """Code snippets that publish the first version."""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Load the agents, and select the one of the URL."""
        self.reset()
        query = self.router.url.query_parameters
        async with session.acting(self, self.project) as act:
            agents = {one: await _agents_of(act, one) for one in reversed(ENVIRONMENTS)}
        having = [one for one, names in agents.items() if names]
        self.environments = [[one, NAMES[one]] for one in having]
        self.environment = _chosen(having, query.get("environment", ""))
        self.agents = agents[self.environment]
        wanted = query.get("skill", "")
        self.agent = wanted if wanted in self.agents else next(iter(self.agents), "")
        self.push = of_push(session.context().settings.url, "")
        self.is_loaded = True

    @rx.event
    def pick_agent(self, agent: str):
        """Show the conversations with another agent."""
        return self._show(agent, self.environment)

    @rx.event
    def pick_environment(self, environment: str):
        """Show the conversations in another environment, with the same agent if it is active there."""
        return self._show(self.agent, environment)

    def _show(self, agent: str, environment: str) -> Any:
        query = {"skill": agent} | ({} if environment == PRODUCTION else {"environment": environment})
        return rx.redirect(f"/p/{self.project}/chat?{urlencode(query)}")


async def _agents_of(act: session.Act, environment: Environment) -> list[str]:
    found = await active_skills(act, environment)
    return [one.full_name for one in found if one.kind == "agent"]


def _chosen(having: list[Environment], wanted: str) -> Environment:
    """Return the environment of the URL if an agent is active there, otherwise production or the first other one."""
    matching = [one for one in having if one == wanted]
    return (matching or having or [PRODUCTION])[0]


def page() -> rx.Component:
    """Render the selections of the environment and the agent, and its conversations."""
    base = "/p/" + Shell.project_slug
    environment = rx.cond(
        Chats.environments.length() > 1,
        rx.el.select(
            rx.foreach(Chats.environments, lambda one: rx.el.option(one[1], value=one[0])),
            value=Chats.environment,
            on_change=Chats.pick_environment,
            aria_label="Environment",
            class_name="in",
            style={"max_width": "140px"},
        ),
        rx.cond(
            Chats.environment != PRODUCTION,
            rx.el.span(Chats.environment, class_name="tag", title="Environment"),
        ),
    )
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
                    environment=Chats.environment,
                    can_write=Shell.can_write,
                    key=Shell.project_slug + Chats.agent + Chats.environment,
                ),
                _none_yet(base),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[environment, selection],
    )


def _none_yet(base: rx.Var[str]) -> rx.Component:
    return empty(
        "message-square",
        "No agents yet",
        "An agent is a skill whose entrypoint is a prompt. Publish one in any environment to talk to it here, and "
        "from your application. In the editor, you can chat with a draft.",
        rx.el.div(
            link_button("Write an agent", href=base + "/editor", icon="file-code-2", kind="pri"),
            class_name="row",
        ),
        from_code(Chats.push),
    )
