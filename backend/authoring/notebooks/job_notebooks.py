"""Write a job, or inputs for a new one, into the draft as a notebook."""

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

from backend.authoring.drafts import publishing, reading, writing
from backend.authoring.notebooks.errors import JobStillRuns
from backend.authoring.notebooks.schemas import NotebookOpen
from backend.core import ids
from backend.execution.events import queries as events
from backend.execution.jobs import queries as jobs
from backend.execution.jobs.status import TERMINAL
from backend.identity.auth.principal import Principal, Role
from backend.skills.manifest.functions import SourceUnreadableError, read_source
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

MAX_EVENTS: Final = 5_000
_JUPYTER_CELLS: Final = (
    "%load_ext",
    "run = puras.attach",
    "# A new job",
    "# The same skill",
    "# Result",
)
"""Cells for a Jupyter that is connected to an instance, which a kernel of the studio is not."""
_CONTINUE_HEADING: Final = "## Continue"


async def skillpack_of(
    session: AsyncSession, principal: Principal, request: NotebookOpen, *, storage: Storage
) -> Skillpack:
    """Return the skillpack whose draft contains the notebook: the requested one, or that of the job's skill.

    A job of another project's skill is opened in the default skillpack.

    Raises:
        SkillpackNotFound, JobNotFound: It does not exist.
        NotAllowed: The principal may not write.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    ref = request.skillpack
    if ref is None and request.job_id is not None:
        job = await jobs.get_job(session, principal, request.job_id)
        own_packs = {pack.id for pack in await skillpacks.list_(session, principal)}
        ref = str(job.skillpack_id) if job.skillpack_id in own_packs else None
    return await reading.get_or_create(session, principal, ref, storage=storage)


async def open_job(session: AsyncSession, principal: Principal, pack: Skillpack, job_id: UUID) -> str:
    """Return the path of the notebook that shows the job; write it unless it exists.

    Raises:
        JobNotFound: The job does not exist.
        JobStillRuns: The job has not ended.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    job = await jobs.get_job(session, principal, job_id)
    if job.status not in TERMINAL:
        raise JobStillRuns(job_id, job.status)
    path = f"notebooks/job-{ids.short(job_id)}.ipynb"
    stored = await reading.find_file(session, principal, pack.id, path)
    if stored is None or stored.deleted_at is not None:
        recorded = [
            Event(row.seq, row.type, row.payload)
            for row in await events.read_after(session, job_id, after=0, limit=MAX_EVENTS)
        ]
        call = await _call(session, principal, pack, job.skill_name)
        notebook = _for_studio(notebook_of(job.model_dump(mode="json"), recorded), call)
        await _write(session, principal, pack, path, notebook)
    return path


async def open_inputs(
    session: AsyncSession, principal: Principal, pack: Skillpack, skill: str, inputs: Mapping[str, Any]
) -> str:
    """Write a notebook with inputs of a skill, as they would be submitted, and return its path."""
    principal.require(Role.DEVELOPER, "deployments:write")
    cells = [
        text_cell(f"# {skill}\n\nInputs from the playground."),
        code_cell(f"inputs = {pprint.pformat(inputs, width=100, sort_dicts=False)}"),
        *await _call(session, principal, pack, skill),
    ]
    taken = set(await reading.other_paths(session, principal, pack.id, ""))
    path = _unused_path(re.sub(r"[^A-Za-z0-9_-]+", "-", skill).strip("-") or "inputs", taken)
    await _write(session, principal, pack, path, whole(cells, skill=skill))
    return path


def _unused_path(name: str, taken: set[str]) -> str:
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
    await writing.write(session, principal, pack, path, content, expected_revision=None)


def _for_studio(notebook: dict[str, Any], call: list[dict[str, Any]]) -> dict[str, Any]:
    cells = [cell for cell in notebook["cells"] if not cell["source"].startswith(_JUPYTER_CELLS)]
    stored = [cell for cell in cells if cell["source"] != _CONTINUE_HEADING]
    return whole([*stored, *call], **notebook["metadata"]["puras"])


async def _call(
    session: AsyncSession, principal: Principal, pack: Skillpack, name: str
) -> list[dict[str, Any]]:
    """Return cells that call the draft's function on `inputs`; none if the draft has no such function."""
    manifest = (await publishing.check(session, principal, pack)).manifest
    skill = manifest.find(name) if manifest is not None else None
    if skill is None or skill.type != "deterministic":
        return []
    file = f"{skill.path}/{skill.file}".lstrip("/")
    found = await reading.find_file(session, principal, pack.id, file)
    argument = "inputs" if found is not None and _takes_one_dict(skill, found.content) else "**inputs"
    source = (
        "# The function, as in the draft when the kernel started: without secrets and without a token.\n"
        f"import runpy\nimport sys\n\nsys.path.insert(0, {skill.path or '.'!r})\n"
        f"{skill.function} = runpy.run_path({file!r})[{skill.function!r}]\n{skill.function}({argument})"
    )
    return [text_cell(_CONTINUE_HEADING), code_cell(source)]


def _takes_one_dict(skill: Skill, content: bytes) -> bool:
    try:
        parameters = read_source(content).parameters.get(skill.function)
    except SourceUnreadableError:
        return False
    is_declared = "inputs" in skill.inputs.declared
    return parameters is not None and parameters.takes_one_dict and not is_declared
