"""Decide which files of a caller's drive a run of a listing may read: those that the caller's inputs name, and its own.

The code of a listing belongs to another project. So neither a skill that it starts nor a path that it
constructs opens other files of the drive. All ways to read a file use this module: files that are staged for
the job, URLs that the kit requests, and media that are generated from files.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.data.drive.file_refs import default_paths, input_files, path_of
from backend.skills.deployments import manifests
from backend.storage.paths import LISTINGS_FOLDER, DrivePath

_TREE: Final = text("""
with recursive above as (
  select id, parent_job_id, deployment_id, skill_name, inputs, listing from jobs
  where project_id = :project_id and id = :job_id and publisher_id is not null
  union all
  select j.id, j.parent_job_id, j.deployment_id, j.skill_name, j.inputs, j.listing
  from jobs j join above a on j.id = a.parent_job_id
), below as (
  select id from above where parent_job_id is null
  union all
  select j.id from jobs j join below b on j.parent_job_id = b.id
)
select deployment_id, skill_name, inputs, listing, array(select id from below) as job_ids
from above where parent_job_id is null
""")


class ListingAccess(NamedTuple):
    """The files that one run may read."""

    files: frozenset[DrivePath]
    folders: frozenset[tuple[str, ...]]
    """The folder of each job of the run."""
    own_folder: DrivePath
    """Where the job itself stores its files."""

    def allows(self, path: DrivePath) -> bool:
        """Return whether the run may read the file."""
        return path in self.files or path.parts[:3] in self.folders


def folder_of(listing: str, job_id: UUID) -> DrivePath:
    """Return the folder in the caller's drive where a job of a listing stores its files."""
    return DrivePath((LISTINGS_FOLDER, listing, job_id.hex))


async def access_of(session: AnySession, *, project_id: UUID, job_id: UUID) -> ListingAccess | None:
    """Return what the job may read. None: it runs code of its own project, which may read the whole drive."""
    row = (await session.execute(_TREE, {"project_id": project_id, "job_id": job_id})).one_or_none()
    if row is None:
        return None
    stored = (await manifests.of(session, (row.deployment_id,))).get(row.deployment_id)
    skill = stored.manifest.find(row.skill_name) if stored is not None else None
    files_of_inputs = input_files(skill, row.inputs) if skill is not None else ()
    files = frozenset(
        path
        for file in files_of_inputs
        for text_of_path in file.paths()
        if (path := path_of(text_of_path)) is not None
    )
    if skill is not None:  # a path that is a default of the publisher is not one that the caller has named
        files -= default_paths(skill.input_schema)
    folders = frozenset(folder_of(row.listing, job_id_of_run).parts for job_id_of_run in row.job_ids)
    return ListingAccess(files, folders, folder_of(row.listing, job_id))
