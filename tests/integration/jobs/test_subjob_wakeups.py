"""The worker that runs a job is woken when the job has called another one, which no other worker may claim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from backend.context import AppContext
from backend.core import notifications
from backend.core.db.engine import Database
from backend.core.notifications import RedisNotifier
from backend.core.wakeups import WakeUpListener
from backend.execution.jobs.subjobs import subagents
from backend.execution.jobs.subjobs.subagents import SubagentCall
from backend.identity.auth.principal import Principal, Role
from backend.money.ledger import service as ledger
from tests.integration.deployments.conftest import Project, make_project, project
from workers import supervisor as supervisors
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

__all__ = ["make_project", "project"]

HEAD = b"entrypoint: main.py:run\ninput_schema: {type: object}\noutput_schema: {type: object}\ndescription: Test.\n"
SKILLS = {
    "skills/caller/skill.yaml": HEAD,
    "skills/caller/main.py": b"import time\n\ndef run():\n    time.sleep(60)\n    return {}\n",
    "skills/called/skill.yaml": HEAD,
    "skills/called/main.py": b"def run():\n    return {'n': 1}\n",
}


class Worker:
    """A worker in this process that does not sweep, and whether it gets the wake-ups of its lane."""

    def __init__(self, instance: AppContext, runner: DeterministicRunner) -> None:
        self.gets_wakeups = True
        wakeups = WakeUpListener(
            instance.redis,
            on_work=self.receive,
            on_subjob=lambda job_id: self.supervisor.receive_subjob(job_id),
        )
        self.instance = replace(instance, wakeups=wakeups)
        self.supervisor = Supervisor(self.instance, {"deterministic": runner}, lanes=["default"], capacity=1)

    def receive(self, lane: str, started: str) -> None:
        if started:
            self.supervisor.receive_started(lane, started)
        elif self.gets_wakeups:
            self.supervisor.receive_wakeup(lane)


@pytest_asyncio.fixture
async def worker(
    instance: AppContext,
    project: Project,
    database: Database,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Worker]:
    """Run the worker with the skills deployed."""
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=1_000_000, created_by="test")
    await project.pushed(SKILLS)
    monkeypatch.setattr(supervisors, "SWEEP_INTERVAL_S", 3600.0)
    runtime = SandboxRuntime(tmp_path, sandbox="auto", api_base="http://127.0.0.1:1", idle_s=60, pool_mb=512)
    runner = DeterministicRunner(runtime)
    worker = Worker(instance, runner)
    async with aclosing(RedisNotifier(redis_url)) as notifier:
        notifications.use(notifier)
        worker.instance.wakeups.start()
        await worker.supervisor.join([])
        running = asyncio.create_task(worker.supervisor.run(drain_s=0))
        try:
            yield worker
        finally:
            worker.supervisor.stop()
            await asyncio.wait({running})
            await worker.instance.wakeups.close()
            await runner.close()
            notifications.use(None)


async def test_subjob_is_claimed_without_a_sweep_if_another_worker_gets_the_wakeups(
    worker: Worker, project: Project
) -> None:
    parent = await submitted(project, "caller")
    worker.gets_wakeups = False
    caller = Principal("job", parent, project.id, f"job:{parent}", Role.DEVELOPER, facts={"attempt": 1})
    child = await subagents.call(worker.instance, caller, SubagentCall("called", key="once"))
    response = await project.http.get(f"/v1/jobs/{child}?wait=true&timeout=30")
    assert (response.json()["status"], response.json()["result"]) == ("succeeded", {"n": 1})


async def submitted(project: Project, skill: str) -> UUID:
    """Submit a job, wait until it runs, and return its ID."""
    job: Any = (await project.http.post("/v1/jobs", json={"skill": skill, "inputs": {}})).json()
    async with asyncio.timeout(30):
        while job["status"] != "running":
            await asyncio.sleep(0.02)
            job = (await project.http.get(f"/v1/jobs/{job['id']}")).json()
    return UUID(job["id"])
