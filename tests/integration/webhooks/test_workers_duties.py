"""A worker process does both by itself: it sends what is due, and submits what has come."""

from __future__ import annotations

import asyncio

import puras
from sqlalchemy import text

from tests.integration.webhooks.conftest import Hooks
from workers.supervisor import Supervisor


async def test_a_worker_submits_what_a_schedule_says_and_tells_of_its_end(hooks: Hooks) -> None:
    hook = await hooks.make(events=["job.cancelled", "schedule.failed"])
    asked = {"name": "Hourly", "skill": "double", "inputs": {"n": 1}, "cron": "@hourly"}
    schedule = (await hooks.project.http.post("/v1/schedules", json=asked)).json()
    async with hooks.database.transaction() as session:
        await session.execute(text("update schedules set next_at = now()"))
    supervisor = Supervisor(hooks.instance, {}, lanes=["of nobody"], capacity=1)
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=1))
    try:
        async with asyncio.timeout(20):
            while not (jobs := (await hooks.project.http.get("/v1/jobs?source=schedule")).json()):  # noqa: ASYNC110 - told over REST alone
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
