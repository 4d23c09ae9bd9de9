"""The steps of a job that users can name, such as in a comment."""

from __future__ import annotations

from backend.core.db.paging import MAX_PAGE_SIZE, Page
from backend.execution.flows import job_steps as of_flows
from backend.execution.jobs.tables import Job
from backend.execution.waits import job_steps as of_functions
from studio.session import Act


async def step_names(act: Act, job: Job) -> list[str]:
    """Return the numbers of the steps of an agent, or the names of those of a flow or a function, each once."""
    if job.publisher_id is not None:  # they are the publisher's
        return []
    if job.type == "agentic":
        return [str(number) for number in range(1, min(job.steps, MAX_PAGE_SIZE) + 1)]
    list_steps = of_flows.list_steps if job.type == "flow" else of_functions.list_steps
    found = await list_steps(act.session, job, page=Page(MAX_PAGE_SIZE))
    return list(dict.fromkeys(one.name for one in found.items))
