"""Create the runner of agents on this host: models, workspaces and tools."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from backend.authoring.assistant.errors import AssistantNeedsModel
from backend.context import AppContext
from workers.agent.assignment import AgentAssignment
from workers.agent.assistant.assignment import AssistantAssignment
from workers.agent.assistant.proposal import proposal
from workers.agent.assistant.tools import assistant_tools
from workers.agent.environment import RunEnvironment
from workers.agent.tools import workspace_tools
from workers.agent.tools.python_kernel import NAME as PYTHON
from workers.agent.tools.python_kernel import kernel_tools
from workers.agent.tools.python_tools import PythonTool
from workers.agent.tools.subagents import SkillTool, subagent_tools
from workers.agent.types import Tool, Workspace
from workers.agent.workspace.workspace import open_workspace
from workers.db_retry import DatabaseRetry
from workers.llm.resolution import find_model, open_models
from workers.llm.selection import Models
from workers.llm.simulated import SimulatedModel
from workers.llm.types import CurrentModel, Model
from workers.runners.agentic import AgenticRunner
from workers.sandbox.host.executions.staged_drive import DRIVE_GONE
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.types import Recorder


def open_agents(context: AppContext, runtime: SandboxRuntime) -> AgenticRunner:
    """Return the runner of agents with the models of the settings."""
    return agentic_runner(context, runtime, open_models(context))


def agentic_runner(context: AppContext, runtime: SandboxRuntime, models: Models) -> AgenticRunner:
    """Return a runner of agents with these models, which it closes."""

    async def open_model(assignment: AgentAssignment, slug: str | None) -> Model:
        retry = DatabaseRetry("model not found yet", job_id=str(assignment.job_id))
        while True:
            async with retry:
                model = await find_model(
                    context,
                    models,
                    project_id=assignment.project_id,
                    skill=assignment.skill,
                    inputs=assignment.inputs,
                    slug=slug,
                    is_listed=assignment.is_listed,
                )
                return _required(assignment, model)

    @asynccontextmanager
    async def workspace_of(assignment: AgentAssignment, recorder: Recorder) -> AsyncIterator[Workspace]:
        workspace = await open_workspace(runtime, assignment, assignment.skill, recorder)
        try:
            yield workspace
        finally:
            await workspace.close()
        if not workspace.is_drive_complete:
            raise SandboxUnavailable(DRIVE_GONE)

    environment = RunEnvironment(context)

    def list_tools(assignment: AgentAssignment, current_model: CurrentModel) -> list[Tool]:
        if isinstance(assignment, AssistantAssignment):
            return assistant_tools(context, assignment)
        confirmed, entry = assignment.confirmed, current_model().entry
        workspace_tools_of_skill = workspace_tools(
            assignment.skill, vision=entry.vision, pdf=entry.pdf, confirmed=confirmed
        )
        kernel = kernel_tools(assignment.skill, lambda: assignment.journal.inputs_of(PYTHON), confirmed)
        more = environment.tools(assignment, current_model)
        return built_in_first(
            [*workspace_tools_of_skill, *kernel, *more, *subagent_tools(context, assignment)]
        )

    return AgenticRunner(
        open_model,
        workspace_of,
        list_tools,
        open_servers=environment.servers,
        stage=environment.stage,
        complete=_complete,
        on_close=models.close,
    )


def _required(assignment: AgentAssignment, model: Model) -> Model:
    """Return the model; the simulation cannot be the assistant."""
    if isinstance(assignment, AssistantAssignment) and isinstance(model, SimulatedModel):
        raise AssistantNeedsModel
    return model


async def _complete(assignment: AgentAssignment, value: Any) -> Any:
    """Return the result of a run, with what the model has submitted."""
    return await proposal(assignment, value) if isinstance(assignment, AssistantAssignment) else value


def built_in_first(tools: Sequence[Tool]) -> list[Tool]:
    """Return the tools without those of the skill that have the name of a built-in tool, which takes precedence."""
    times = Counter(tool.spec.name for tool in tools)
    return [
        tool for tool in tools if times[tool.spec.name] == 1 or not isinstance(tool, PythonTool | SkillTool)
    ]
