"""Offer other skills, texts and prompts as tools.

Each call is a subjob that uses the slot and the reservation of the run.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from backend.context import AppContext
from backend.execution.jobs.cancel import cancel_by
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.subjobs import subagents
from backend.execution.jobs.subjobs.subagents import SubagentCall
from backend.execution.jobs.subjobs.target import describe
from backend.identity.auth.principal import Principal, Role
from backend.skills.bundles import inline_skills
from backend.skills.manifest.types import Skill
from backend.skills.manifest.types import Tool as Declared
from workers.agent.assignment import AgentAssignment
from workers.agent.prompt import read_text
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import Tool, ToolCall, ToolError, ToolResult, Workspace
from workers.db_retry import DatabaseRetry

MAX_S: Final = 1_800.0
MAX_SUMMARY_CHARACTERS: Final = 1_000
_RUN: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "target": {
            "type": "string",
            "description": "`skill` or `skillpack/skill`, or a text of the work folder with instructions: "
            "`references/x.md`.",
        },
        "prompt": {
            "type": "string",
            "description": "Instead of a target: a task for an agent with the same tools as yours. It does not see "
            "this conversation.",
        },
        "inputs": {
            "type": "object",
            "description": "Inputs that are valid for its input schema, which describe_subagent returns. A text or a "
            "prompt accepts any inputs.",
        },
        "version": {
            "type": "integer",
            "minimum": 1,
            "description": "Default: the version that belongs to this skill.",
        },
        "timeout": {"type": "number", "minimum": 1, "maximum": MAX_S, "description": "Seconds to wait."},
    },
}
_DESCRIBE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"target": _RUN["properties"]["target"]},
    "required": ["target"],
}


def subagent_tools(context: AppContext, assignment: AgentAssignment) -> list[Tool]:
    """Return the skills that this one lists as tools, and the tools for other skills, texts and prompts."""
    callers = Callers(context)
    skills = assignment.manifest
    tools: list[Tool] = [
        SkillTool(callers, tool, found)
        for tool in assignment.skill.tools
        if tool.skill and tool.name and (found := skills.find(tool.skill)) is not None
    ]
    return [*tools, RunSubagent(callers), DescribeSubagent(callers)]


class Callers:
    """Makes calls for the runs of this worker."""

    def __init__(self, context: AppContext) -> None:
        self.context = context

    def principal(self, workspace: Workspace) -> Principal:
        """Return the principal of the run: its job."""
        run = workspace.assignment
        return Principal(
            kind="job",
            id=run.job_id,
            project_id=run.project_id,
            label=f"job:{run.job_id}",
            role=Role.DEVELOPER,
            facts={"attempt": run.attempt},
        )

    async def run_call(
        self, call: ToolCall, workspace: Workspace, target: str | None, arguments: Mapping[str, Any]
    ) -> ToolResult:
        """Return the result of the called skill, text or prompt.

        Raises:
            PurasError: the call is invalid.
            ToolError: it did not succeed.
        """
        request = SubagentCall(
            target,
            call.idempotency_key,
            arguments.get("inputs") or {},
            arguments.get("version"),
            arguments.get("prompt"),
            label=_agents(workspace).journal.recorder.scrubber.scrub(call.label),
            tool_use_id=call.id,
            share=call.concurrency,
            step=call.step,
        )
        if target is not None and inline_skills.is_text(target):
            await asyncio.to_thread(read_text, _agents(workspace), target)  # a missing text fails here
        job_id = await subagents.call(self.context, self.principal(workspace), request)
        within_s = min(MAX_S, float(arguments.get("timeout") or MAX_S))
        return _tool_result(await self.wait(workspace, job_id, within_s=within_s))

    async def wait(self, workspace: Workspace, job_id: UUID, *, within_s: float) -> JobRead:
        """Return a subjob when it has ended.

        Raises:
            ToolError: it did not end in time, and was canceled.
        """
        who = self.principal(workspace)
        _agents(workspace).poll_children()
        job = await subagents.wait_for_end(self.context, who, job_id, within_s=within_s)
        if job.status not in TERMINAL:
            async with self.context.database.transaction() as session:
                await cancel_by(session, job_id, actor=who.label)
            raise ToolError(f"{_named(job)} did not end within {within_s:g} s, and was cancelled.")
        return job

    async def needs_approval(
        self, workspace: Workspace, target: str | None, *, version: int | None = None
    ) -> bool:
        """Return whether a user has to approve the call: `confirm: true` binds the skill, not the way to it."""
        retry = DatabaseRetry(
            "not known yet whether a call needs an approval", job_id=str(workspace.assignment.job_id)
        )
        while True:
            async with retry:
                who = self.principal(workspace)
                return await subagents.needs_approval(self.context, who, target, version=version)


class RunSubagent:
    """`run_subagent`: any skill of the deployment or the project, a text of the bundle, or a prompt."""

    is_read_only = True  # for this run: the calls are jobs, which run concurrently
    is_idempotent = True  # the same call is the same job
    runs_alone = False
    confirm = False

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._arguments = Arguments(_RUN)
        self.spec = spec_of(
            "run_subagent",
            "Let another skill, or a new agent, do a part of the work, and return its result.",
            _RUN,
        )

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return self._arguments.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Start the subjob and wait for its end.

        Raises:
            ToolError: the arguments are invalid, or it did not succeed.
        """
        arguments = self._arguments.of(call)
        return await self._callers.run_call(call, workspace, arguments.get("target"), arguments)

    async def needs_approval(self, call: ToolCall, workspace: Workspace) -> bool:
        """Return whether the skill, text or prompt is called only with an approval."""
        try:
            arguments = self._arguments.of(call)
        except ToolError:  # the call itself reports it
            return False
        target, version = arguments.get("target"), arguments.get("version")
        return await self._callers.needs_approval(workspace, target, version=version)


class SkillTool:
    """A skill as a tool of another skill, with its inputs as arguments."""

    is_read_only = True
    is_idempotent = True
    runs_alone = False

    def __init__(self, callers: Callers, declared: Declared, skill: Skill) -> None:
        self._callers = callers
        self._target = declared.skill or ""
        self.confirm = declared.confirm
        self._arguments = Arguments(skill.input_schema)
        description = declared.description or skill.description
        self.spec = spec_of(declared.name or "", description, skill.input_schema)

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return self._arguments.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Start the subjob and wait for its end.

        Raises:
            ToolError: the arguments are invalid, or it did not succeed.
        """
        inputs = self._arguments.of(call)
        return await self._callers.run_call(call, workspace, self._target, {"inputs": inputs})

    async def needs_approval(self, call: ToolCall, workspace: Workspace) -> bool:
        """Return whether another agent confirms this skill."""
        return await self._callers.needs_approval(workspace, self._target)


class DescribeSubagent:
    """`describe_subagent`: the inputs and outputs of a skill."""

    is_read_only = True
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(self, callers: Callers) -> None:
        self._callers = callers
        self._arguments = Arguments(_DESCRIBE)
        self.spec = spec_of(
            "describe_subagent",
            "Return the description, inputs and outputs of another skill, or of a text of the work folder.",
            _DESCRIBE,
        )

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Describe it.

        Raises:
            PurasError: there is no such skill.
        """
        target = self._arguments.of(call)["target"]
        who = self._callers.principal(workspace)
        async with self._callers.context.database.transaction() as session:
            description = await describe(session, who, target, is_by_model=True)
        if inline_skills.is_text(target):
            description.summary = (await asyncio.to_thread(read_text, _agents(workspace), target))[
                :MAX_SUMMARY_CHARACTERS
            ]
        return ToolResult(description.model_dump_json())


def _tool_result(job: JobRead) -> ToolResult:
    details = {"job_id": str(job.id), "used_micros": job.used_micros}
    if job.status == "succeeded":
        return ToolResult(json.dumps(job.result, ensure_ascii=False), details=details)
    text = f"ERROR: {_named(job)} {job.status} ({job.error_code}): {job.error}"
    return ToolResult(text, ok=False, details=details)


def _named(job: JobRead) -> str:
    return "the prompt" if job.prompt is not None else f"the skill {job.skill_name!r}"


def _agents(workspace: Workspace) -> AgentAssignment:
    assignment = workspace.assignment
    if not isinstance(assignment, AgentAssignment):
        raise TypeError("only an agent has such tools")
    return assignment
