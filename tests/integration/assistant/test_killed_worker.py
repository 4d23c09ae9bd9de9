"""A worker that is killed while the assistant works: its changes are neither lost nor made twice."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from backend.embedded import Servers
from backend.execution.jobs.attempts.recovery import sweep
from tests.doubles.messages import MessagesServer, calls, says
from tests.integration.agents.conftest import Served
from tests.integration.assistant.conftest import assistants_of, worker

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKER = Path(__file__).parent / "killed_worker.py"


async def test_changes_of_killed_worker_are_made_once(
    served: Served, upstream: MessagesServer, database_url: str, servers: Servers
) -> None:
    context = served.instance
    held = says(calls("set_output", summary="Never received.")).but(hold_after=0, cut_after=0)
    async with assistants_of(served, upstream) as assistants:
        job_id = await assistants.submit(
            says(calls("file_write", path="count.md", content="one\n")),
            says(
                calls("file_edit", path="count.md", old_string="one", new_string="one two"),
                calls("file_edit", path="count.md", old_string="missing", new_string="x"),
            ),
            held,
            says(calls("file_edit", path="count.md", old_string="two", new_string="two three")),
            says(calls("set_output", summary="Counted.")),
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(WORKER), str(context.settings.home)),
            *(database_url, servers.redis_url, upstream.url),
            env=environment,
        )
        try:
            async with asyncio.timeout(90):
                while upstream.asked < 3:  # noqa: ASYNC110 - the server has a thread of its own
                    await asyncio.sleep(0.02)
        finally:  # a worker that lives on claims the jobs of the next tests
            process.kill()
            await process.wait()
        held.release.set()
        async with context.database.transaction() as session:
            await session.execute(text("update workers set beat_at = to_timestamp(0)"))
        async with context.database.transaction() as session:
            await sweep(session)
        async with worker(context, upstream):
            job = await assistants.ended(job_id)
    assert (job["status"], job["attempt"], job["steps"]) == ("succeeded", 2, 4), job["error"]
    assert [(file["path"], file["after"]) for file in job["result"]["files"]] == [
        ("count.md", "one two three\n")
    ]
    assert "interrupted" not in str(upstream.bodies[-1]["messages"])
