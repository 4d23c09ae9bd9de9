"""Whether who submits a job may read the files of the drive that the job's inputs name: the one check of all ways in.

Whatever makes a job passes `submit`, which checks here. Schedules and suites, whose jobs come later, check here as well
when they are made. What names a file is decided by `drive.named`, from which a job's files are staged, too.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import backend.execution.jobs.own_jobs  # noqa: F401 - gives the drive the search for own jobs
from backend.core.db.engine import AnySession
from backend.data.drive import access
from backend.data.drive.access import FileNotAllowed, Versions
from backend.data.drive.file_refs import input_files, path_of
from backend.identity.auth.principal import Principal
from backend.skills.manifest.types import Skill
from backend.storage.paths import DrivePath


async def check(
    session: AnySession,
    principal: Principal,
    skill: Skill,
    inputs: dict[str, Any],
    *,
    known_job: UUID | None = None,
    trusts_defaults: bool = True,
) -> Versions | None:
    """Reject inputs that name files which the principal may not read, and return the versions that were checked.

    A text that may be read as a path and cannot be parsed as one is rejected like the path of a file of another.

    Args:
        session: Reads the records of files and jobs.
        principal: Who submits.
        skill: What the job runs.
        inputs: With the defaults of the skill and what its guardrails have left.
        known_job: The job that is replayed or continued, whose id the principal knows.
        trusts_defaults: Files that the author names as defaults are not checked; another project is no such author.

    Returns:
        None where nothing is limited to a version.

    Raises:
        FileNotAllowed: With the first such file.
    """
    if access.reads_all(principal):
        return None
    paths: set[DrivePath] = set()
    for file in input_files(skill, inputs):
        if file.is_default and trusts_defaults:
            continue
        for text in file.paths():
            path = path_of(text)
            if path is None:
                raise FileNotAllowed(text)
            paths.add(path)
    return await access.check(session, principal, paths, known_job=known_job) or None
