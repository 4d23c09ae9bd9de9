"""List the tools of the assistant. None of them publishes, reads secrets or the drive, or reaches another skillpack."""

from __future__ import annotations

from backend.context import AppContext
from workers.agent.assistant.assignment import AssistantAssignment
from workers.agent.assistant.files import file_tools, repeat_changes
from workers.agent.assistant.runs import ListJobs, ReadJob, RunSkill, Validate
from workers.agent.tools.subagents import Callers
from workers.agent.tools.todo import TodoWrite
from workers.agent.types import Tool


def assistant_tools(context: AppContext, assignment: AssistantAssignment) -> list[Tool]:
    """Return the tools, after the changes of earlier attempts were made on the copy."""
    callers = Callers(context)
    tools: list[Tool] = [
        *file_tools(assignment.copy),
        Validate(callers, assignment),
        RunSkill(callers, assignment),
        ListJobs(callers, assignment),
        ReadJob(callers, assignment),
        TodoWrite(),
    ]
    repeat_changes(tools, assignment.journal.finished_calls())
    return tools
