"""Check that the principal that submits a job may read the drive files that the inputs name.

`submit` calls this check for every job. Schedules and suites, whose jobs are submitted later, also call it when they
are created. `data.drive.file_refs` decides what names a file, here and when the files of a job are staged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import backend.execution.jobs.access.own_jobs  # noqa: F401 - gives the drive the search for own jobs
from backend.core.db.engine import AnySession
from backend.data.drive import access
from backend.data.drive.access import FileNotAllowed, Versions
from backend.data.drive.file_refs import NamedFile, input_files, named_files, path_of
from backend.identity.auth.principal import Principal
from backend.skills.manifest.types import Skill
from backend.skills.schemas.schema_dialect import Schema
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

    Text that could be a path and cannot be parsed as one is rejected like the path of a file without permission.

    Args:
        session: Reads the records of files and jobs.
        principal: The principal that submits the job.
        skill: The skill of the job.
        inputs: Inputs with the defaults of the skill, after its guardrails.
        known_job: The job that is replayed or continued, whose ID the principal knows.
        trusts_defaults: Whether files that the skill names as defaults are allowed. False for another project's skill.

    Returns:
        None if no file is limited to a version.

    Raises:
        FileNotAllowed: For the first file that the principal may not read.
    """
    if access.reads_all(principal):
        return None
    files = (file for file in input_files(skill, inputs) if not (file.is_default and trusts_defaults))
    return await access.check(session, principal, _paths(files), known_job=known_job) or None


async def check_values(session: AnySession, principal: Principal, schema: Schema, values: Any) -> None:
    """Reject values for a schema that name files which the principal may not read.

    Raises:
        FileNotAllowed: For the first file that the principal may not read.
    """
    if not access.reads_all(principal):
        files = (file for file in named_files(schema, values) if not file.is_default)
        await access.check(session, principal, _paths(files))


def still_named(versions: Versions | None, skill: Skill, inputs: dict[str, Any]) -> Versions | None:
    """Return those of the checked versions whose files are named by inputs that a reader of all files has changed."""
    named = {text for file in input_files(skill, inputs) for text in map(_spelled, file.paths())}
    return {path: version for path, version in (versions or {}).items() if path in named} or None


def _spelled(text: str) -> str:
    path = path_of(text)
    return text if path is None else str(path)


def _paths(files: Iterable[NamedFile]) -> set[DrivePath]:
    paths: set[DrivePath] = set()
    for file in files:
        for text in file.paths():
            path = path_of(text)
            if path is None:
                raise FileNotAllowed(text)
            paths.add(path)
    return paths
