"""Implement the tools of the assistant that check and run its copy, and read jobs of its skillpack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from backend.authoring.assistant import evidence, trials
from backend.authoring.assistant.trials import Trial
from backend.core.errors import PurasError
from backend.identity.auth.principal import Principal, Role
from backend.skills.manifest.findings import BundleInvalid
from workers.agent.assistant.assignment import AssistantAssignment
from workers.agent.assistant.proposal import MAX_PROBLEMS, line, problems_of
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.tools.subagents import Callers
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.agent.untrusted import marked

MAX_TRIAL_S: Final = 600.0
_NOTHING: Final[dict[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": False}
_RUN: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "skill": {"type": "string", "minLength": 1, "maxLength": 200, "description": "Name of the skill."},
        "inputs": {"type": "object", "description": "Inputs that are valid for its input_schema."},
    },
    "required": ["skill", "inputs"],
    "additionalProperties": False,
}
_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "skill": {"type": "string", "description": "Only jobs of this skill."},
        "status": {"type": "string", "enum": ["succeeded", "failed", "cancelled"]},
    },
    "additionalProperties": False,
}
_READ: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"job_id": {"type": "string", "description": "ID of a job of this skillpack."}},
    "required": ["job_id"],
    "additionalProperties": False,
}


class _RunTool:
    """A tool that changes nothing outside of the run."""

    is_read_only = True
    is_idempotent = True
    runs_alone = False
    confirm = False

    def __init__(
        self, callers: Callers, assignment: AssistantAssignment, name: str, description: str, schema: Any
    ) -> None:
        self._callers = callers
        self._assignment = assignment
        self._arguments = Arguments(schema)
        self.spec = spec_of(name, description, schema)

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return self._arguments.coerced(arguments)


class Validate(_RunTool):
    """`validate`: the problems of the copy."""

    def __init__(self, callers: Callers, assignment: AssistantAssignment) -> None:
        super().__init__(
            callers,
            assignment,
            "validate",
            "Check all files of the draft, as publishing does, and return the problems. No code is executed.",
            _NOTHING,
        )

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Check the copy."""
        self._arguments.of(call)
        problems = await problems_of(self._assignment.copy.bundle())
        if not problems:
            return ToolResult("No problems.", details={"count": 0})
        text = "\n".join(line(problem) for problem in problems[:MAX_PROBLEMS])
        return ToolResult(marked("problems", text), details={"count": len(problems)})


class RunSkill(_RunTool):
    """`run_skill`: a skill of the copy, without secrets, internet and drive."""

    is_read_only = False  # it runs the copy as it is at this call

    def __init__(self, callers: Callers, assignment: AssistantAssignment) -> None:
        super().__init__(
            callers,
            assignment,
            "run_skill",
            "Run a skill of the draft with these inputs, and return its result or error with its log. It runs without "
            "secrets, internet and drive.",
            _RUN,
        )

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Start the subjob and wait for its end.

        Raises:
            ToolError: the draft has problems, or the run did not end in time.
            PurasError: the skill does not exist, or the inputs are not valid.
        """
        arguments, own = self._arguments.of(call), self._assignment
        trial = Trial(
            own.copy.bundle(),
            own.skillpack_id,
            arguments["skill"],
            arguments["inputs"],
            call.idempotency_key,
            call.step,
            call.id,
            label=own.journal.recorder.scrubber.scrub(call.label),
        )
        try:
            job_id = await trials.start(self._callers.context, self._callers.principal(workspace), trial)
        except BundleInvalid as error:
            text = "\n".join(line(problem) for problem in error.problems[:MAX_PROBLEMS])
            raise ToolError(f"The draft has problems, fix them first:\n{marked('problems', text)}") from None
        job = await self._callers.wait(workspace, job_id, within_s=MAX_TRIAL_S)
        text = await self._report(job_id)
        details = {"job_id": str(job_id), "used_micros": job.used_micros}
        return ToolResult(marked("run", text), ok=job.status == "succeeded", details=details)

    async def _report(self, job_id: UUID) -> str:
        own = self._assignment
        async with self._callers.context.database.transaction() as session:
            return await evidence.read_job(
                session, _reader(own), own.skillpack_id, job_id, environment=own.environment
            )


class ListJobs(_RunTool):
    """`list_jobs`: the newest jobs of the skillpack."""

    def __init__(self, callers: Callers, assignment: AssistantAssignment) -> None:
        super().__init__(
            callers,
            assignment,
            "list_jobs",
            f"List the newest {evidence.MAX_LISTED} jobs of this skillpack with their status and error.",
            _LIST,
        )

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """List them."""
        arguments, own = self._arguments.of(call), self._assignment
        async with self._callers.context.database.transaction() as session:
            text = await evidence.list_jobs(
                session,
                _reader(own),
                own.skillpack_id,
                environment=own.environment,
                **arguments,
            )
        return ToolResult(marked("jobs", text))


class ReadJob(_RunTool):
    """`read_job`: inputs, result, error and events of a job of the skillpack."""

    def __init__(self, callers: Callers, assignment: AssistantAssignment) -> None:
        super().__init__(
            callers,
            assignment,
            "read_job",
            "Return the inputs, result, error with traceback, and log of a job of this skillpack.",
            _READ,
        )

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Read it.

        Raises:
            ToolError: the skillpack has no such job.
        """
        own = self._assignment
        job_id = _id(self._arguments.of(call)["job_id"])
        async with self._callers.context.database.transaction() as session:
            try:
                text = await evidence.read_job(
                    session,
                    _reader(own),
                    own.skillpack_id,
                    job_id,
                    environment=own.environment,
                )
            except PurasError:
                raise ToolError(
                    f"This skillpack has no job {str(job_id)!r}. list_jobs lists its jobs."
                ) from None
        return ToolResult(marked("job", text), details={"job_id": str(job_id)})


def _reader(assignment: AssistantAssignment) -> Principal:
    """Return the principal that reads jobs: users who start the assistant may read all jobs of the project."""
    return Principal(
        kind="system",
        id=assignment.job_id,
        project_id=assignment.project_id,
        label=f"job:{assignment.job_id}",
        role=Role.VIEWER,
    )


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ToolError(f"{text[:80]!r} is not the ID of a job. list_jobs lists the jobs.") from None
