"""Change the inputs of a job that waits for the approval of its start.

The job runs with the changed inputs, which are stored in it, so that a replay uses the same ones. They pass the checks
of a submission: the schema and the guardrails of the skill, and the access to files.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.errors import Invalid
from backend.data.drive.access import Versions
from backend.execution.approvals.edits import ARGUMENTS, ArgumentEdit, require_editor, require_size
from backend.execution.approvals.tables import Approval
from backend.execution.events.append import NewEvent
from backend.execution.jobs import guardrails
from backend.execution.jobs.access import inputs as input_access
from backend.execution.jobs.queries import get_row
from backend.identity.auth.principal import Principal
from backend.skills.deployments.active import load_deployed_skill

_INPUTS: Final = "inputs"
_STORE: Final = text("""
update jobs set inputs = cast(:inputs as json), input_versions = cast(:versions as jsonb)
where id = :job_id and project_id = :project_id
""")


class InputEdit(NamedTuple):
    """A change of the inputs of a job."""

    arguments: ArgumentEdit
    events: list[NewEvent]
    """Those of the guardrails that were applied to the new inputs."""
    versions: Versions | None
    """The versions of files that the submitter of the job was allowed to read, and that the new inputs still name."""


async def checked_inputs(
    session: AsyncSession, principal: Principal, approval: Approval, inputs: dict[str, Any] | None
) -> InputEdit | None:
    """Return the change of the inputs; `None` if there is none.

    Raises:
        Invalid: The inputs are not valid for the skill, or the release that requested the approval cannot change them.
        RailBlocked: A guardrail blocks the inputs.
        NotAllowed: The principal is a key that may not read the files that inputs can name.
    """
    if inputs is None or inputs == approval.input:
        return None
    require_editor(approval, principal)
    require_size(inputs)
    job = await get_row(session, principal, approval.job_id)
    skill = (await load_deployed_skill(session, job.deployment_id, job.skill_name)).skill
    checked = skill.inputs.check(inputs)
    problems = [replace(one, path=_as_argument(one.path)) for one in checked.problems]
    if problems:
        first = problems[0]
        detail = f"The inputs are not valid for the skill {skill.name!r}: {first.path}: {first.message}"
        raise Invalid(f"{detail} The approval is still pending.", problems)
    guarded = await guardrails.check_inputs(skill, checked.value)
    if guarded.inputs == approval.input:
        return None
    versions = input_access.still_named(job.input_versions, skill, guarded.inputs)
    return InputEdit(ArgumentEdit(approval.input, guarded.inputs), guarded.events, versions)


async def store(session: AsyncSession, approval: Approval, edit: InputEdit) -> None:
    """Store the changed inputs in the job, which the transaction has locked."""
    values = {
        "job_id": approval.job_id,
        "project_id": approval.project_id,
        "inputs": json.dumps(edit.arguments.after),
        "versions": None if edit.versions is None else json.dumps(edit.versions),
    }
    await session.execute(_STORE, values)
    await guardrails.record_decisions(session, approval.project_id, approval.job_id, edit.events)


def _as_argument(path: str) -> str:
    return ARGUMENTS + path.removeprefix(_INPUTS) if path.startswith(_INPUTS) else f"{ARGUMENTS}.{path}"
