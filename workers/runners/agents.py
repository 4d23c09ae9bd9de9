"""What an agent gets on this machine: its model, its workroom and its tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.instance import Instance
from backend.providers import service as providers
from backend.providers.recordings import recorded_job
from workers.absence import through_absence
from workers.agent import Tool, Workroom
from workers.agent.brief import AgentAssignment
from workers.agent.surroundings import Surroundings
from workers.agent.tools import workroom_tools
from workers.agent.tools.subagents import subagent_tools
from workers.agent.workroom import open_workroom
from workers.models import Model, recording
from workers.models.choice import Models
from workers.runners import Recorder
from workers.runners.agentic import AgenticRunner
from workers.sandbox.errors import SandboxUnavailable
from workers.sandbox.house import House
from workers.sandbox.own_drive import DRIVE_GONE


def agentic_runner(instance: Instance, house: House, models: Models) -> AgenticRunner:
    """The runner of this worker process."""

    async def open_model(assignment: AgentAssignment, slug: str | None) -> Model:
        async def find() -> Model:
            async with instance.database.glance() as session:
                recorded = recorded_job(slug)
                if recorded is not None:
                    return await recording.load(session, project_id=assignment.project_id, job_id=recorded)
                own_keys = await providers.for_job(session, instance.vault, project_id=assignment.project_id)
            return models.choose(slug, skill=assignment.skill, inputs=assignment.inputs, own_keys=own_keys)

        return await through_absence(find, "model not found yet", job_id=str(assignment.job_id))

    @asynccontextmanager
    async def open_room(assignment: AgentAssignment, recorder: Recorder) -> AsyncIterator[Workroom]:
        room = await open_workroom(house, assignment, assignment.skill, recorder)
        try:
            yield room
        finally:
            await room.close()
        if not room.drive_is_whole:
            raise SandboxUnavailable(DRIVE_GONE)

    around = Surroundings(instance)

    def list_tools(assignment: AgentAssignment, model: Model) -> list[Tool]:
        own = workroom_tools(assignment.skill, vision=model.entry.vision, pdf=model.entry.pdf)
        return [*own, *around.tools(assignment, model), *subagent_tools(instance, assignment)]

    return AgenticRunner(open_model, open_room, list_tools, open_servers=around.servers, stage=around.stage)
