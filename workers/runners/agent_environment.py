"""What an agent gets on this machine: its model, its workroom and its tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from backend.context import AppContext
from workers.agent.assignment import AgentAssignment
from workers.agent.environment import Surroundings
from workers.agent.tools import workroom_tools
from workers.agent.tools.python_kernel import NAME as PYTHON
from workers.agent.tools.python_kernel import kernel_tools
from workers.agent.tools.python_tools import PythonTool
from workers.agent.tools.subagents import SkillTool, subagent_tools
from workers.agent.types import Tool, Workspace
from workers.agent.workspace.workspace import open_workspace
from workers.db_retry import DatabaseRetry
from workers.llm.resolution import find_model, open_models
from workers.llm.selection import Models
from workers.llm.types import Model
from workers.runners.agentic import AgenticRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.staged_drive import DRIVE_GONE
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.types import Recorder


def open_agents(context: AppContext, house: SandboxRuntime) -> AgenticRunner:
    """The runner of this worker process, with the models that the settings give it."""
    return agentic_runner(context, house, open_models(context))


def agentic_runner(context: AppContext, house: SandboxRuntime, models: Models) -> AgenticRunner:
    """A runner that reaches these models, and closes them with itself."""

    async def open_model(assignment: AgentAssignment, slug: str | None) -> Model:
        retry = DatabaseRetry("model not found yet", job_id=str(assignment.job_id))
        while True:
            async with retry:
                return await find_model(
                    context,
                    models,
                    project_id=assignment.project_id,
                    skill=assignment.skill,
                    inputs=assignment.inputs,
                    slug=slug,
                    is_listed=assignment.is_listed,
                )

    @asynccontextmanager
    async def open_room(assignment: AgentAssignment, recorder: Recorder) -> AsyncIterator[Workspace]:
        room = await open_workspace(house, assignment, assignment.skill, recorder)
        try:
            yield room
        finally:
            await room.close()
        if not room.drive_is_whole:
            raise SandboxUnavailable(DRIVE_GONE)

    around = Surroundings(context)

    def list_tools(assignment: AgentAssignment, model: Model) -> list[Tool]:
        confirmed = assignment.confirmed
        own = workroom_tools(
            assignment.skill, vision=model.entry.vision, pdf=model.entry.pdf, confirmed=confirmed
        )
        kernel = kernel_tools(assignment.skill, lambda: assignment.journal.inputs_of(PYTHON), confirmed)
        more = around.tools(assignment, model)
        return built_in_first([*own, *kernel, *more, *subagent_tools(context, assignment)])

    return AgenticRunner(
        open_model,
        open_room,
        list_tools,
        open_servers=around.servers,
        stage=around.stage,
        let_go=models.close,
    )


def built_in_first(tools: Sequence[Tool]) -> list[Tool]:
    """The tools without those of the skill that have the name of a built-in one: that one wins, as the push warned."""
    times = Counter(tool.spec.name for tool in tools)
    return [
        tool for tool in tools if times[tool.spec.name] == 1 or not isinstance(tool, PythonTool | SkillTool)
    ]
