"""Make the result of the assistant: its summary, and the changes of its copy."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from backend.core.errors import Problem
from backend.skills.bundles.read import read_bundle
from backend.skills.manifest.findings import BundleInvalid
from workers.agent.assistant.assignment import AssistantAssignment

MAX_PROBLEMS: Final = 50


async def proposal(assignment: AssistantAssignment, value: Any) -> dict[str, Any]:
    """Return the result of the run, with what the model has submitted."""
    copy = assignment.copy
    files = copy.changes()
    problems = await problems_of(copy.bundle()) if files else ()
    found = {"files": files, "problems": [line(problem) for problem in problems[:MAX_PROBLEMS]]}
    revision = assignment.inputs.get("draft_revision")
    return {**value, **({} if revision is None else {"base_revision": revision}), **found}


async def problems_of(bundle: bytes) -> Sequence[Problem]:
    """Return the problems of publishing the files."""
    try:
        await asyncio.to_thread(read_bundle, bundle)
    except BundleInvalid as error:
        return error.problems
    return ()


def line(problem: Problem) -> str:
    """Return a problem in one line."""
    position = "" if problem.line is None else f":{problem.line}"
    return f"{problem.path}{position}: {problem.message}"
