"""What a run has beyond its workroom: the web, its project's drive, servers of others, and the files of its inputs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from uuid import UUID
from weakref import WeakValueDictionary

from backend.context import AppContext
from backend.core.net.egress.dialing import LOOKUPS_PER_TENANT, Dialer
from backend.core.net.egress.rules import Rule
from backend.data.drive.signing import signed_url
from backend.integrations.web.search import Endpoint
from backend.storage.paths import parse_drive_path
from workers.agent.assignment import AgentAssignment
from workers.agent.attachments.content_blocks import Gaze
from workers.agent.attachments.staging import Staged, Staging
from workers.agent.memory_context import remembered
from workers.agent.search import Engine
from workers.agent.search.claude import claude_search
from workers.agent.tools.drive import Drive
from workers.agent.tools.media import media_tools
from workers.agent.tools.memory import memory_tools
from workers.agent.tools.web import outside_tools
from workers.agent.types import Tool, Workspace
from workers.agent.web import HEAVY_AT_ONCE, RunEgress, outside_of
from workers.llm.types import Model
from workers.sandbox.egress.network_use import NetworkUse


class Surroundings:
    """Those of every run of one worker process. Tests give the dialer a world of their own; nothing else can."""

    def __init__(
        self,
        context: AppContext,
        *,
        dialer: Dialer | None = None,
        inputs_rule: Rule | None = None,
        engine: Engine | None = None,
    ) -> None:
        self._context = context
        self._dialer = dialer
        self._heavy = asyncio.Semaphore(HEAVY_AT_ONCE)
        self._lookups: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()
        """What the runs of one project may ask name servers at once: each question holds a thread."""
        self._inputs_rule = inputs_rule or Rule.of("public")
        self._engine = engine or Endpoint.of(context.settings)

    def tools(self, assignment: AgentAssignment, model: Model) -> list[Tool]:
        """What the run is offered with that model."""
        journal = assignment.journal
        outside = outside_tools(
            outside_of(assignment.skill, journal.recorder, self._dialer_of(assignment), self._heavy),
            None if assignment.is_listed else self._drive(assignment),
            self._engine or claude_search(model),
            lambda: assignment.budget.cap_micros - journal.spent_micros,
        )
        return [*outside, *media_tools(self._context), *memory_tools(self._context, assignment)]

    @asynccontextmanager
    async def servers(
        self, assignment: AgentAssignment, model: Model, offered: Sequence[Tool]
    ) -> AsyncIterator[Sequence[Tool]]:
        """The tools of the MCP servers that the skill names."""
        if not any(tool.mcp for tool in assignment.skill.tools):
            yield ()
            return
        # Half a second of every worker's start, for what few skills have: loaded by the first that has it.
        opening = await asyncio.to_thread(import_module, "workers.agent.mcp_servers.opening")
        taken = [tool.spec.name for tool in offered]
        async with opening.server_tools(
            assignment.skill,
            taken,
            assignment.journal.recorder,
            vision=model.entry.vision,
            dialer=self._dialer_of(assignment),
            secrets=assignment.secrets,
            confirmed=assignment.confirmed,
            own_url=self._context.settings.url,
        ) as tools:
            yield tools

    async def stage(self, assignment: AgentAssignment, model: Model, room: Workspace) -> Staged:
        """The files of the inputs in the drive, shown to the model if it can see them, and what is remembered of them.

        Raises:
            AttachmentRefused: a file cannot be had, or is there to be seen by a model that cannot see it.
        """
        # Whoever submits a job says where its files are: the skill's own list of hosts is about its code.
        visit = NetworkUse(assignment.journal.recorder)
        outside = RunEgress(self._inputs_rule, visit, self._dialer_of(assignment), self._heavy)
        gaze = Gaze(model=model.slug, vision=model.entry.vision, pdf=model.entry.pdf)
        staging = Staging(room, outside, self._drive(assignment).sign, gaze)
        staged = await staging.stage(assignment.skill.input_schema, assignment.inputs)
        staged.before = await remembered(self._context, assignment, staged, room)
        return staged

    def _dialer_of(self, assignment: AgentAssignment) -> Dialer:
        if self._dialer is not None:
            return self._dialer
        fresh = asyncio.Semaphore(LOOKUPS_PER_TENANT)
        return Dialer(lookups=self._lookups.setdefault(assignment.project_id, fresh))

    def _drive(self, assignment: AgentAssignment) -> Drive:
        context, project_id = self._context, assignment.project_id

        def sign(path: str, ttl_s: int) -> str:
            return signed_url(
                context.vault, context.settings.url, project_id=project_id, path=path, ttl_s=ttl_s
            )

        async def read(path: str, most_bytes: int) -> bytes | None:
            file = await context.storage.open_read(project_id, parse_drive_path(path))
            try:
                if file.entry.size_bytes > most_bytes:
                    return None
                return b"".join([chunk async for chunk in file.chunks(0, file.entry.size_bytes)])
            finally:
                await file.close()

        return Drive(sign, read)
