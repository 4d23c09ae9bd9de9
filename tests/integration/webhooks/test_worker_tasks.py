"""A worker process sends due webhooks and submits the jobs of due schedules."""

from __future__ import annotations

import asyncio

import puras
from sqlalchemy import text

from tests.integration.webhooks.conftest import Hooks
from workers.supervisor import Supervisor


async def test_worker_submits_a_scheduled_job_and_sends_its_webhook(hooks: Hooks) -> None:
    hook = await hooks.make(events=["job.cancelled", "schedule.failed"])
    body = {"name": "Hourly", "skill": "double", "inputs": {"n": 1}, "cron": "@hourly"}
    schedule = (await hooks.project.http.post("/v1/schedules", json=body)).json()
    async with hooks.database.transaction() as session:
        await session.execute(text("update schedules set next_at = now()"))
    supervisor = Supervisor(hooks.instance, {}, lanes=["unused"], capacity=1)
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=1))
    try:
        async with asyncio.timeout(20):
            while not (jobs := (await hooks.project.http.get("/v1/jobs?source=schedule")).json()):  # noqa: ASYNC110 - REST only
                await asyncio.sleep(0.05)
        await hooks.project.http.post(f"/v1/jobs/{jobs[0]['id']}/cancel")
        (got,) = await hooks.receiver.has(1)
    finally:
        supervisor.stop()
        await running
    event = puras.verify_webhook(got.headers, got.body, hook["secret"])
    assert (event["data"]["job_id"], event["data"]["source"]) == (jobs[0]["id"], "schedule")
    assert jobs[0]["metadata"]["schedule_id"] == schedule["id"]
    assert [one["status"] for one in await hooks.deliveries(hook)] == ["delivered"]
