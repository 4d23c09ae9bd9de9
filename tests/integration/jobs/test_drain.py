"""A worker that drains lets its jobs end, also those that are canceled meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.execution.worker_registry.service import SWEEP_INTERVAL_S
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import Project, make_project, project
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

__all__ = ["make_project", "project"]

DRAIN_S = 60.0
SLOW = {
    "skills/slow/skill.yaml": b"""\
entrypoint: main.py:run
description: Sleeps for a minute.
input_schema: {type: object}
output_schema: {type: object}
""",
    "skills/slow/main.py": b"import time\n\n\ndef run():\n    time.sleep(60)\n    return {}\n",
}
_STATUS = text("select status from jobs")
_CANCEL = text("update jobs set cancel_requested_at = now()")
"""Without a notification, as if Redis had lost it."""


async def test_canceled_job_ends_although_the_notification_was_lost(
    app: FastAPI, project: Project, database: Database, instance: AppContext, tmp_path: Path
) -> None:
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(SLOW)
    runner = DeterministicRunner(
        SandboxRuntime(tmp_path, sandbox="auto", api_base="http://127.0.0.1:1", idle_s=60, pool_mb=512)
    )
    supervisor = Supervisor(instance, {"deterministic": runner}, lanes=["default"], capacity=1)
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=DRAIN_S))
    try:
        submitted = await project.http.post("/v1/jobs", json={"skill": "slow", "inputs": {}})
        assert submitted.status_code == 201, submitted.text
        await _until_status(database, "running")
        supervisor.stop()
        async with database.transaction() as session:
            await session.execute(_CANCEL)
        async with asyncio.timeout(SWEEP_INTERVAL_S + 10):
            await asyncio.shield(running)
        await _until_status(database, "cancelled")
    finally:
        supervisor.stop()
        running.cancel()
        await asyncio.wait({running})
        await runner.close()


async def _until_status(database: Database, status: str) -> None:
    async with asyncio.timeout(20):
        while True:
            async with database.transaction() as session:
                if (await session.execute(_STATUS)).scalar_one() == status:
                    return
            await asyncio.sleep(0.05)
