"""A job as a notebook of the working copy: what it was given and what it did, to go on from."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from puras.notebook.instance import Event
from puras.notebook.opened import notebook_of
from sqlalchemy.ext.asyncio import AsyncSession

from backend.auth.principal import Principal, Role
from backend.drafts import reading, writing
from backend.events import queries as events
from backend.jobs import queries as jobs
from backend.jobs.status import TERMINAL
from backend.notebooks.errors import JobStillRuns
from backend.skillpacks.tables import Skillpack

MOST_EVENTS: Final = 5_000
_NOT_HERE: Final = ("%load_ext", "run = puras.attach", "# A new job", "# The same skill", "# What came out")
"""Cells for a Jupyter that is connected to an instance, which a kernel of the studio is not."""


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
            for row in await events.read_after(session, job_id, after=0, limit=MOST_EVENTS)
        ]
        text = json.dumps(_for_here(notebook_of(job.model_dump(mode="json"), told)), indent=1, ensure_ascii=False)
        content = reading.Content(text.encode("utf-8", "replace") + b"\n")
        await writing.write(session, principal, pack, path, content, seen=None)
    return path


def _for_here(notebook: dict[str, Any]) -> dict[str, Any]:
    cells = [cell for cell in notebook["cells"] if not cell["source"].startswith(_NOT_HERE)]
    return {**notebook, "cells": [cell for cell in cells if cell["source"] != "## Go on"]}
