"""A job, or the inputs of one that is not there yet, as a notebook of the working copy to go on from."""

from __future__ import annotations

import json
import pprint
import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from puras.notebook.instance import Event
from puras.notebook.opened import code_cell, notebook_of, text_cell, whole
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth.principal import Principal, Role
from backend.skills.manifest.functions import SourceUnreadableError, read_source
from backend.skills.manifest.types import Skill
from backend.authoring.drafts import publishing, reading, writing
from backend.execution.events import queries as events
from backend.execution.jobs import queries as jobs
from backend.execution.jobs.status import TERMINAL
from backend.authoring.notebooks.errors import JobStillRuns
from backend.authoring.notebooks.schemas import NotebookOpen
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

MAX_EVENTS: Final = 5_000
_NOT_HERE: Final = ("%load_ext", "run = puras.attach", "# A new job", "# The same skill", "# What came out")
"""Cells for a Jupyter that is connected to an instance, which a kernel of the studio is not."""
_GO_ON: Final = "## Go on"


async def pack_of(
    session: AsyncSession, principal: Principal, asked: NotebookOpen, *, storage: Storage
) -> Skillpack:
    """In whose working copy the notebook is: the named skillpack, else the one that the job's skill belongs to.

    A skill of another project has none here, and its job is opened in the default one.

    Raises:
        SkillpackNotFound, JobNotFound: there is none such.
        NotAllowed: the principal may not write.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    ref = asked.skillpack
    if ref is None and asked.job_id is not None:
        job = await jobs.get_job(session, principal, asked.job_id)
        own = {pack.id for pack in await skillpacks.list_(session, principal)}
        ref = str(job.skillpack_id) if job.skillpack_id in own else None
    return await reading.begin(session, principal, ref, storage=storage)


async def open_job(session: AsyncSession, principal: Principal, pack: Skillpack, job_id: UUID) -> str:
    """The path of the notebook that shows the job; it is written unless it is there.

    Raises:
        JobNotFound: there is no such job.
        JobStillRuns: it has not ended.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    job = await jobs.get_job(session, principal, job_id)
    if job.status not in TERMINAL:
        raise JobStillRuns(job_id, job.status)
    path = f"notebooks/job-{str(job_id)[:8]}.ipynb"
    kept = await reading.find(session, principal, pack.id, path)
    if kept is None or kept.deleted_at is not None:
        told = [
            Event(row.seq, row.type, row.payload)
            for row in await events.read_after(session, job_id, after=0, limit=MAX_EVENTS)
        ]
        call = await _call(session, principal, pack, job.skill_name)
        notebook = _for_here(notebook_of(job.model_dump(mode="json"), told), call)
        await _write(session, principal, pack, path, notebook)
    return path


async def open_inputs(
    session: AsyncSession, principal: Principal, pack: Skillpack, skill: str, inputs: Mapping[str, Any]
) -> str:
    """The path of a new notebook with inputs of a skill, as they would be submitted."""
    principal.require(Role.DEVELOPER, "deployments:write")
    cells = [
        text_cell(f"# {skill}\n\nInputs from the playground."),
        code_cell(f"inputs = {pprint.pformat(inputs, width=100, sort_dicts=False)}"),
        *await _call(session, principal, pack, skill),
    ]
    taken = set(await reading.paths_beside(session, principal, pack.id, ""))
    path = _free(re.sub(r"[^A-Za-z0-9_-]+", "-", skill).strip("-") or "inputs", taken)
    await _write(session, principal, pack, path, whole(cells, skill=skill))
    return path


def _free(name: str, taken: set[str]) -> str:
    numbers = iter(range(2, len(taken) + 3))
    path = f"notebooks/{name}.ipynb"
    while path in taken:
        path = f"notebooks/{name}-{next(numbers)}.ipynb"
    return path


async def _write(
    session: AsyncSession, principal: Principal, pack: Skillpack, path: str, notebook: dict[str, Any]
) -> None:
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    content = reading.Content(text.encode("utf-8", "replace") + b"\n")
    await writing.write(session, principal, pack, path, content, seen=None)


def _for_here(notebook: dict[str, Any], call: list[dict[str, Any]]) -> dict[str, Any]:
    cells = [cell for cell in notebook["cells"] if not cell["source"].startswith(_NOT_HERE)]
    kept = [cell for cell in cells if cell["source"] != _GO_ON]
    return whole([*kept, *call], **notebook["metadata"]["puras"])


async def _call(
    session: AsyncSession, principal: Principal, pack: Skillpack, name: str
) -> list[dict[str, Any]]:
    """Cells that call the working copy's function on `inputs`; none where it has no such function."""
    manifest = (await publishing.check(session, principal, pack)).manifest
    skill = manifest.find(name) if manifest is not None else None
    if skill is None or skill.is_agentic:
        return []
    file = f"{skill.path}/{skill.file}".lstrip("/")
    found = await reading.find(session, principal, pack.id, file)
    given = "inputs" if found is not None and _takes_one_dict(skill, found.content) else "**inputs"
    source = (
        "# The function, as the working copy had it when the kernel began: without secrets and without a token.\n"
        f"import runpy\nimport sys\n\nsys.path.insert(0, {skill.path or '.'!r})\n"
        f"{skill.function} = runpy.run_path({file!r})[{skill.function!r}]\n{skill.function}({given})"
    )
    return [text_cell(_GO_ON), code_cell(source)]


def _takes_one_dict(skill: Skill, content: bytes) -> bool:
    try:
        parameters = read_source(content).parameters.get(skill.function)
    except SourceUnreadableError:
        return False
    is_declared = "inputs" in skill.inputs.declared
    return parameters is not None and parameters.takes_one_dict and not is_declared
