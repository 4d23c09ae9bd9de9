"""The state of the page: the agents, the list of the conversations with the selected one, and the open one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import reflex as rx

from backend.core.db.paging import Page
from backend.execution.sessions import service
from backend.execution.sessions.schemas import AgentSessionRead
from backend.execution.sessions.service import SessionFilter
from backend.identity.environments import ENVIRONMENTS, PRODUCTION, Environment
from studio import session
from studio.environments import NAMES
from studio.first_snippets import of_push
from studio.named_by_url import NamedByUrl
from studio.session import Act
from studio.skills import active_skills
from studio.typing_of_reflex import AsyncUpdates, Handled

PAGE_ROWS: Final = 30
MAX_LIVE_ROWS: Final = 200


@dataclass
class SessionItem:
    """A conversation in the list."""

    id: str
    title: str
    is_draft: bool
    is_running: bool
    updated_at: str


class Chats(NamedByUrl, rx.State):
    """The agents of the project, and the conversations with the one that the page shows."""

    environments: list[list[str]] = []
    """Names and titles of the environments in which an agent is active, production first."""
    environment: Environment = PRODUCTION
    agents: list[str] = []
    """Full names of the agents that are active in the environment."""
    agent: str = ""
    push: dict[str, str] = {}
    """Code snippets that publish the first version."""
    rows: list[SessionItem] = []
    has_more: bool = False
    session: str = ""
    """The ID of the open conversation; empty for a new one."""
    started: int = 0
    """Increases when the user starts a new conversation, for which the field of the message gets the focus."""
    text: str = ""
    is_loaded: bool = False
    is_listed: bool = False
    _project: str = ""
    _cursor: str = ""

    @rx.event
    async def load(self) -> AsyncUpdates:
        """Load the agents, and the conversations with the one of the URL."""
        query = self._wanted().query_parameters
        if self._project != self.project:
            self.reset()
            self._project = self.project
        async with session.acting(self, self.project) as act:
            agents = {one: await _agents_of(act, one) for one in reversed(ENVIRONMENTS)}
        having = [one for one, names in agents.items() if names]
        self.environments = [[one, NAMES[one]] for one in having]
        environment = _chosen(having, query.get("environment", ""))
        self.agents = agents[environment]
        wanted = query.get("skill", "")
        agent = wanted if wanted in self.agents else next(iter(self.agents), "")
        if (agent, environment) != (self.agent, self.environment):
            self.rows, self.has_more, self.is_listed = [], False, False
        self.agent, self.environment = agent, environment
        self.session, self.text = _id(query.get("session", "")), query.get("q", "").strip()[:200]
        self.query = urlencode(dict(query))
        self.push = of_push(session.context().settings.url, "")
        self.is_loaded = True
        yield
        await self._read()

    @rx.event
    def pick_agent(self, agent: str) -> Handled:
        """Show the conversations with another agent."""
        return self._show(agent, self.environment)

    @rx.event
    def pick_environment(self, environment: str) -> Handled:
        """Show the conversations in another environment, with the same agent if it is active there."""
        return self._show(self.agent, environment)

    @rx.event
    def open(self, session_id: str) -> None:
        """Open a conversation; an empty ID starts a new one."""
        self.started += session_id == ""
        if session_id != self.session:
            self.session = _id(session_id)
            self._write_url(is_entry=True)

    @rx.event
    async def search(self, text: str) -> None:
        """Search the conversations while the user types, which Back does not undo letter by letter."""
        self.text = text.strip()[:200]
        self._write_url(is_entry=False)
        await self._read()

    @rx.event
    async def refresh(self) -> None:
        """Read the list again, after the open conversation has changed."""
        await self._read()

    @rx.event
    async def more(self) -> None:
        """Read the next page of the list."""
        async with session.acting(self, self.project) as act:
            self.rows = [*self.rows, *await self._page(act, Page(PAGE_ROWS, self._cursor))]

    def _show(self, agent: str, environment: str) -> Any:
        query = {"skill": agent} | ({} if environment == PRODUCTION else {"environment": environment})
        return rx.redirect(f"/p/{self.project}/chat?{urlencode(query)}")

    def _write_url(self, *, is_entry: bool) -> None:
        """Keep the agent and the environment of the URL, which may rely on the defaults."""
        named = self.router.url.query_parameters
        query = {name: named[name] for name in ("skill", "environment") if named.get(name)}
        shown = {**query, "q": self.text, "session": self.session}
        self.query = urlencode({name: value for name, value in shown.items() if value})
        self._note_change(is_entry=is_entry)

    async def _read(self) -> None:
        if not self.agent:
            return
        count = min(max(PAGE_ROWS, len(self.rows)), MAX_LIVE_ROWS)
        async with session.acting(self, self.project) as act:
            rows = await self._page(act, Page(count))
        if rows != self.rows:
            self.rows = rows
        self.is_listed = True

    async def _page(self, act: Act, page: Page) -> list[SessionItem]:
        filters = SessionFilter(skill=self.agent, environment=self.environment, text=self.text or None)
        found = await service.list_page(act.session, act.principal, None, filters, page)
        self._cursor = found.next_cursor or ""
        self.has_more = bool(self._cursor)
        read = await service.read(act.session, found.items)
        return [_item(one) for one in read if one.skill == self.agent]  # the filter ignores the skillpack


def _item(one: AgentSessionRead) -> SessionItem:
    return SessionItem(
        str(one.id),
        one.title or "New conversation",
        one.is_draft,
        one.running_job_id is not None,
        one.updated_at.isoformat(),
    )


async def _agents_of(act: Act, environment: Environment) -> list[str]:
    found = await active_skills(act, environment)
    return [one.full_name for one in found if one.kind == "agent"]


def _chosen(having: list[Environment], wanted: str) -> Environment:
    """Return the environment of the URL if an agent is active there, otherwise production or the first other one."""
    matching = [one for one in having if one == wanted]
    return (matching or having or [PRODUCTION])[0]


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""
