"""Provide the environment of a run in addition to its workspace.

It consists of the web, the drive, MCP servers and the files of the inputs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID
from weakref import WeakValueDictionary

from backend.context import AppContext
from backend.core.net.egress.connector import LOOKUPS_PER_TENANT, Connector
from backend.core.net.egress.rules import Rule
from backend.core.net.public_urls import listed
from backend.data.drive.signing import signed_url
from backend.integrations.web.search import Endpoint
from backend.storage.paths import parse_drive_path
from workers.agent.assignment import AgentAssignment
from workers.agent.attachments.content_blocks import ContentBlocks
from workers.agent.attachments.staging import Staged, Staging
from workers.agent.memory_context import remembered
from workers.agent.tools.download import DownloadUrl
from workers.agent.tools.drive import Drive, DrivePull, DriveUrl
from workers.agent.tools.media import media_tools
from workers.agent.tools.memory import memory_tools
from workers.agent.tools.web_fetch import WebFetch
from workers.agent.tools.web_search import WebSearch
from workers.agent.types import Tool, Workspace
from workers.agent.web.access import MAX_HEAVY, RunEgress, egress_of
from workers.agent.web.search import Engine, claude_search
from workers.llm.types import CurrentModel, Model
from workers.sandbox.egress.network_use import NetworkUse


def internet_tools(
    egress: RunEgress | None, drive: Drive | None, engine: Engine | None, remaining_micros: Callable[[], int]
) -> list[Tool]:
    """Return the tools for the internet, the drive and the search engine that a run has."""
    found: list[Tool] = [] if drive is None else [DriveUrl(drive), DrivePull(drive)]
    if egress is not None:
        found += [WebFetch(egress), DownloadUrl(egress)]
    if egress is not None and engine is not None:
        found.append(WebSearch(engine, remaining_micros))
    return found


class RunEnvironment:
    """The environment of all runs of one worker process. Only tests replace the connector."""

    def __init__(
        self,
        context: AppContext,
        *,
        connector: Connector | None = None,
        inputs_rule: Rule | None = None,
        engine: Engine | None = None,
    ) -> None:
        self._context = context
        self._connector = connector
        self._heavy = asyncio.Semaphore(MAX_HEAVY)
        self._lookups: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()
        """Limits the concurrent name lookups of one project: each lookup occupies a thread."""
        self._inputs_rule = inputs_rule or Rule.of("public")
        self._engine = engine or Endpoint.of(context.settings)

    def tools(self, assignment: AgentAssignment, current_model: CurrentModel) -> list[Tool]:
        """Return the tools of the run with the model that it starts with."""
        journal = assignment.journal
        egress = internet_tools(
            egress_of(assignment.skill, journal.recorder, self._connector_of(assignment), self._heavy),
            None if assignment.is_listed or assignment.skill.is_trial else self._drive(assignment),
            self._engine or claude_search(current_model),
            lambda: assignment.budget.cap_micros - journal.spent_micros,
        )
        # Media tools fetch URLs, which a trial could use to send what it has read.
        media = [] if assignment.skill.is_trial else media_tools(self._context)
        return [*egress, *media, *memory_tools(self._context, assignment)]

    @asynccontextmanager
    async def servers(
        self, assignment: AgentAssignment, model: Model, offered: Sequence[Tool]
    ) -> AsyncIterator[Sequence[Tool]]:
        """Provide the tools of the MCP servers of the skill."""
        if not any(tool.mcp for tool in assignment.skill.tools):
            yield ()
            return
        # Loaded with the first skill that has MCP servers: the import takes half a second.
        server_tools = await asyncio.to_thread(_load_server_tools)
        taken_names = [tool.spec.name for tool in offered]
        async with server_tools(
            assignment.skill,
            taken_names,
            assignment.journal.recorder,
            vision=model.entry.vision,
            connector=self._connector_of(assignment),
            secrets=assignment.secrets,
            confirmed=assignment.confirmed,
            own_url=self._context.settings.url,
            private_hosts=listed(self._context.settings.mcp_hosts),
        ) as tools:
            yield tools

    async def stage(self, assignment: AgentAssignment, model: Model, workspace: Workspace) -> Staged:
        """Stage the files of the inputs in the drive, show them to the model, and add what the memory has of them.

        Raises:
            AttachmentRefused: a file is unavailable, or the model cannot read an attachment.
        """
        # The submitter of a job names its files: the skill's list of hosts only applies to its code. A model is the
        # submitter of a trial.
        network_use = NetworkUse(assignment.journal.recorder)
        rule = Rule.of(()) if assignment.skill.is_trial else self._inputs_rule
        egress = RunEgress(rule, network_use, self._connector_of(assignment), self._heavy)
        content_blocks = ContentBlocks(model=model.slug, vision=model.entry.vision, pdf=model.entry.pdf)
        staging = Staging(workspace, egress, self._drive(assignment).sign, content_blocks)
        staged = await staging.stage(assignment.skill.input_schema, assignment.inputs)
        staged.before = await remembered(self._context, assignment, staged, workspace)
        return staged

    def _connector_of(self, assignment: AgentAssignment) -> Connector:
        if self._connector is not None:
            return self._connector
        fresh = asyncio.Semaphore(LOOKUPS_PER_TENANT)
        return Connector(lookups=self._lookups.setdefault(assignment.project_id, fresh))

    def _drive(self, assignment: AgentAssignment) -> Drive:
        context, project_id = self._context, assignment.project_id

        def sign(path: str, ttl_s: int) -> str:
            return signed_url(
                context.vault, context.settings.url, project_id=project_id, path=path, ttl_s=ttl_s
            )

        async def read(path: str, max_bytes: int) -> bytes | None:
            file = await context.storage.open_read(project_id, parse_drive_path(path))
            try:
                if file.entry.size_bytes > max_bytes:
                    return None
                return b"".join([chunk async for chunk in file.chunks(0, file.entry.size_bytes)])
            finally:
                await file.close()

        return Drive(sign, read)


def _load_server_tools() -> Callable[..., AbstractAsyncContextManager[list[Tool]]]:
    from workers.agent.mcp_servers.connecting import server_tools

    return server_tools
