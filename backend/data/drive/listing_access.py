"""What of its caller's drive a run of a listing may read: the files that the caller's inputs name, and its own.

Its code is another project's. So neither what it calls nor a path that it makes up opens anything else of the drive,
whichever way it asks: what was fetched for it, the kit's addresses, and media from files all look here.
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


class Reach(NamedTuple):
    """What one run may read."""

    files: frozenset[DrivePath]
    folders: frozenset[tuple[str, ...]]
    """Each of one job of the run."""
    own: DrivePath
    """Where the job itself puts what it makes."""

    def allows(self, path: DrivePath) -> bool:
        """Whether it may read the file."""
        return path in self.files or path.parts[:3] in self.folders


def folder_of(listing: str, job_id: UUID) -> DrivePath:
    """Where in its caller's drive a job puts what it makes."""
    return DrivePath((LISTINGS_FOLDER, listing, job_id.hex))


async def reach_of(session: AnySession, *, project_id: UUID, job_id: UUID) -> Reach | None:
    """What the job may read; none: it runs code of its own project, which may read all of its drive."""
    row = (await session.execute(_TREE, {"project_id": project_id, "job_id": job_id})).one_or_none()
    if row is None:
        return None
    known = (await manifests.of(session, (row.deployment_id,))).get(row.deployment_id)
    skill = known.manifest.find(row.skill_name) if known is not None else None
    named = input_files(skill, row.inputs) if skill is not None else ()
    files = frozenset(
        path for file in named for written in file.paths() if (path := path_of(written)) is not None
    )
    if skill is not None:  # a path that is a default of the publisher is not one that the caller has named
        files -= default_paths(skill.input_schema)
    folders = frozenset(folder_of(row.listing, each).parts for each in row.job_ids)
    return Reach(files, folders, folder_of(row.listing, job_id))
