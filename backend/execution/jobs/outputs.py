"""The files of a result, with signed URLs that expire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.context import AppContext
from backend.core.errors import Missing
from backend.data.drive import access
from backend.data.drive.access import JobOutput
from backend.data.drive.signing import signed_url
from backend.execution.jobs.schemas import JobRead, OutputRead
from backend.identity.auth.principal import Principal
from backend.storage.file_errors import FileReplaced

TTL_S = 3600


class OutputNotFound(Missing):
    """The job's result names no such file."""

    code = "output_not_found"


async def signed_outputs(context: AppContext, principal: Principal, job: JobRead) -> list[OutputRead]:
    """Return the job's files, each with a new signed URL, or the reason why there is none."""
    [outputs] = await _signed(context, principal, [job])
    return outputs


async def with_signed_outputs(
    context: AppContext, principal: Principal, jobs: Sequence[JobRead]
) -> list[JobRead]:
    """Return the jobs with outputs that have new signed URLs."""
    signed = await _signed(context, principal, jobs)
    return [
        job.model_copy(update={"outputs": [output.model_dump(mode="json") for output in outputs]})
        for job, outputs in zip(jobs, signed, strict=True)
    ]


async def output_url(context: AppContext, principal: Principal, job: JobRead, name: str) -> str:
    """Return the URL of the file with this name, or with this drive path.

    Raises:
        OutputNotFound: There is none.
        FileReplaced: The principal may read only what the job made, and it was replaced.
    """
    for output in await signed_outputs(context, principal, job):
        if name in (output.name, output.drive_path, output.drive_path.rsplit("/", 1)[-1]):
            if output.url is None:
                raise FileReplaced(output.drive_path)
            return output.url
    names = ", ".join(str(output["name"]) for output in job.outputs) or "none"
    raise OutputNotFound(f"The job's result has no file {name!r}; it has {names}.", name=name)


async def _signed(
    context: AppContext, principal: Principal, jobs: Sequence[JobRead]
) -> list[list[OutputRead]]:
    """Return the files of each job.

    For principals that may read the drive, a URL returns the current file; for others, the version that the job wrote.
    """
    made = [JobOutput.of(output, job.finished_at) for job in jobs for output in job.outputs]
    if not made or access.reads_all(principal):
        return [[_view(context, job, output) for output in job.outputs] for job in jobs]
    async with context.database.reading() as session:
        versions = iter(await access.readable_versions(session, principal, made))
    return [
        [_view_of_version(context, job, output, next(versions)) for output in job.outputs] for job in jobs
    ]


def _view_of_version(
    context: AppContext, job: JobRead, output: dict[str, Any], version: str | None
) -> OutputRead:
    if version is None:
        reason = FileReplaced(output["drive_path"]).detail
        return OutputRead(**output, url=None, url_unavailable_reason=reason)
    return _view(context, job, output, version)


def _view(
    context: AppContext, job: JobRead, output: dict[str, Any], version: str | None = None
) -> OutputRead:
    url = signed_url(
        context.vault,
        context.settings.url,
        project_id=job.project_id,
        path=output["drive_path"],
        ttl_s=TTL_S,
        version=version,
    )
    return OutputRead(**output, url=url)
