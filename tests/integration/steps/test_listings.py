"""The code of a listing of another project has no access to the events of the project that runs it."""

from __future__ import annotations

from sqlalchemy import text

from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle

__all__ = ["functions", "idle", "make_project", "project"]

CODE = """
    import time
    from puras import StepError, emit_event, sleep, step, wait_for_event


    def run():
        messages = []
        for call in (lambda: emit_event("x"), lambda: wait_for_event("x")):
            try:
                call()
            except StepError as error:
                messages.append(str(error))
        step("own", int)
        sleep(0.01)
        return messages
"""


async def test_events_are_rejected(idle: Functions) -> None:
    await idle.deploy(CODE)
    job_id = await idle.submit()
    async with idle.database.transaction() as session:  # as the submission of a listing stores it
        await session.execute(text("update jobs set publisher_id = project_id"))
    async with idle.worker():
        job = await idle.until(job_id)
    assert job["status"] == "succeeded", job
    assert len(job["result"]) == 2
    assert all("listing" in message for message in job["result"])
    assert await idle.query("select * from project_events") == []
    assert not await idle.events(job_id, "step_started", "step_finished", "log")
    steps = await idle.project.http.get(f"/v1/jobs/{job_id}/steps")
    assert (steps.status_code, steps.json()["code"]) == (409, "content_owned_by_publisher")
