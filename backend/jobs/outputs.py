"""The files of a result, with addresses that work for a while."""

from __future__ import annotations

from backend.drive.signing import signed_url
from backend.errors import Missing
from backend.instance import Instance
from backend.jobs.schemas import JobView, OutputView

TTL_S = 3600


class OutputNotFound(Missing):
    """The job's result names no such file."""

    code = "output_not_found"


def signed(instance: Instance, job: JobView) -> list[OutputView]:
    """The job's files, each with a fresh signed address."""
    return [
        OutputView(
            **output,
            url=signed_url(
                instance.vault,
                instance.settings.url,
                project_id=job.project_id,
                path=output["drive_path"],
                ttl_s=TTL_S,
            ),
        )
        for output in job.outputs
    ]


def named(instance: Instance, job: JobView, name: str) -> OutputView:
    """The file with this name, or with this drive path.

    Raises:
        OutputNotFound: there is none.
    """
    for output in signed(instance, job):
        if name in (output.name, output.drive_path, output.drive_path.rsplit("/", 1)[-1]):
            return output
    names = ", ".join(str(output["name"]) for output in job.outputs) or "none"
    raise OutputNotFound(f"The job's result has no file {name!r}; it has {names}.", name=name)
