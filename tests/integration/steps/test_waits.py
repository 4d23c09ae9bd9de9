"""Sleeps and waits for events: without a worker, until their time or their event."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle

__all__ = ["functions", "idle", "make_project", "project"]

SLEEP = """
    import pathlib
    from puras import sleep, step


    def note(text):
        with open("drive/log.txt", "a") as file:
            file.write(text + "\\n")
        return text


    def run(seconds):
        step("before", note, "before")
        try:
            sleep(seconds)
        finally:
            note("finally")
        step("after", note, "after")
        return "done"
"""
EVENT = """
    import pathlib
    from puras import EventTimeout, step, wait_for_event


    def run(match=None, timeout_s=None):
        pathlib.Path("drive/started.txt").write_text("yes")
        try:
            event = wait_for_event("invoice.paid", match, timeout_s=timeout_s)
        except EventTimeout:
            return "timeout"
        return [event["id"], event["data"], event["type"]]
"""


async def test_sleep_releases_the_worker_and_replays(functions: Functions) -> None:
    await functions.deploy(SLEEP)
    job_id = await functions.submit(seconds=5)
    job = await functions.until(job_id, "waiting")
    (waiting,) = await functions.events(job_id, "waiting")
    assert waiting["payload"]["reason"] == "sleep"
    assert waiting["payload"]["until"]
    assert job["waiting_reason"].startswith("until 20")
    (admitted, reserved) = (
        await functions.query("select a.admitted, w.reserved_micros from admissions a, wallets w")
    )[0]
    assert (admitted, reserved) == (0, 0)
    states = {step["name"]: step["status"] for step in await functions.steps(job_id)}
    assert states == {"before": "succeeded", "sleep": "waiting"}
    job = await functions.until(job_id)
    assert (job["status"], job["result"], job["attempt"]) == ("succeeded", "done", 1)
    [_, again] = await functions.events(job_id, "started")
    late = datetime.fromisoformat(again["ts"]) - datetime.fromisoformat(waiting["payload"]["until"])
    assert late.total_seconds() < 1, "the job continued with a later sweep only"
    assert functions.drive("log.txt").read_text().split() == ["before", "finally", "after"]
    (slept,) = [step for step in await functions.steps(job_id) if step["kind"] == "sleep"]
    assert slept["status"] == "succeeded"
    assert await functions.query("select * from job_waits") == []


async def test_short_sleep_stays_in_the_process(functions: Functions) -> None:
    await functions.deploy(SLEEP)
    job = await functions.run(seconds=0.3)
    assert (job["status"], job["attempt"]) == ("succeeded", 1)


async def test_event_during_the_wait(functions: Functions) -> None:
    await functions.deploy(EVENT)
    job_id = await functions.submit()
    await functions.until(job_id, "waiting")
    sent = await functions.send("invoice.paid", {"amount": 7}, id="e1")
    assert sent["status_code"] == 201
    began = time.monotonic()
    job = await functions.until(job_id)
    assert time.monotonic() - began < 10
    assert job["result"] == ["e1", {"amount": 7}, "invoice.paid"]


async def test_event_before_the_wait(idle: Functions) -> None:
    await idle.deploy(EVENT)
    await idle.send("invoice.paid", 0, id="before the job")
    await asyncio.sleep(0.01)
    job_id = await idle.submit()
    await idle.send("invoice.paid", 1, id="first")
    await idle.send("invoice.paid", 2, id="second")
    async with idle.worker():
        job = await idle.until(job_id)
    assert (job["result"], job["attempt"]) == (["first", 1, "invoice.paid"], 1)


async def test_time_limit_of_an_event(functions: Functions) -> None:
    await functions.deploy(EVENT)
    job_id = await functions.submit(timeout_s=3)
    await functions.until(job_id, "waiting")
    job = await functions.until(job_id)
    assert job["result"] == "timeout"
    await functions.send("invoice.paid")
    assert (await functions.run(timeout_s=0.2))["result"] == "timeout"


async def test_match_decides_which_jobs_continue(functions: Functions) -> None:
    await functions.deploy(EVENT)
    seven = await functions.submit(match={"order.id": 7, "items.0": "a"})
    eight = await functions.submit(match={"order.id": 8})
    both = await functions.submit()
    for job_id in (seven, eight, both):
        job = await functions.until(job_id, "waiting")
        assert job["waiting_reason"] == "for the event 'invoice.paid'"
    data = {"order": {"id": 7}, "items": ["a", "b"]}
    await functions.send("invoice.paid", data, id="x")
    for job_id in (seven, both):
        assert (await functions.until(job_id))["result"][0] == "x"
    assert (await functions.job(eight))["status"] == "waiting"
    await functions.send("other.type", {"order": {"id": 8}})
    await functions.send("invoice.paid", {"order": {"id": 8}}, id="y")
    assert (await functions.until(eight))["result"][0] == "y"


async def test_canceled_while_it_waits(functions: Functions) -> None:
    await functions.deploy(EVENT)
    job_id = await functions.submit()
    await functions.until(job_id, "waiting")
    canceled = await functions.project.http.post(f"/v1/jobs/{job_id}/cancel")
    assert canceled.status_code == 200, canceled.text
    assert (await functions.job(job_id))["status"] == "cancelled"
    assert await functions.query("select * from job_waits") == []
    await functions.send("invoice.paid")
    assert (await functions.job(job_id))["status"] == "cancelled"


async def test_duplicate_events_are_stored_once(functions: Functions) -> None:
    first = await functions.send("invoice.paid", {"n": 1}, id="same")
    second = await functions.send("invoice.paid", {"n": 1}, id="same")
    assert (first.pop("status_code"), second.pop("status_code")) == (201, 200)
    assert first == second
    other = await functions.project.http.post(
        "/v1/events", json={"type": "invoice.paid", "data": {"n": 2}, "id": "same"}
    )
    assert (other.status_code, other.json()["code"]) == (409, "event_id_used")
    large = await functions.project.http.post("/v1/events", json={"type": "x", "data": "y" * 70_000})
    assert (large.status_code, large.json()["code"]) == (413, "event_too_large")
    listed = (await functions.project.http.get("/v1/events?type=invoice.paid")).json()
    assert [event["id"] for event in listed] == ["same"]


async def test_reserved_money_is_released_while_a_job_waits(functions: Functions) -> None:
    schemas = "input_schema: {type: object}\noutput_schema: {}\n"
    await functions.deploy(
        """
        import time
        from puras import step, wait_for_event


        def run():
            step("work", time.sleep, 1)
            return wait_for_event("invoice.paid")["id"]
        """,
        skill=f"entrypoint: main.py:run\n{schemas}limits: {{cost_usd: 0.5}}\n",
    )
    reserved = "select w.reserved_micros, j.reserved_micros from wallets w, jobs j"
    job_id = await functions.submit()
    await functions.until(job_id, "running")
    assert await functions.query(reserved) == [(500_000, 500_000)]
    await functions.until(job_id, "waiting")
    assert await functions.query(reserved) == [(0, 0)]
    await functions.send("invoice.paid", id="x")
    assert (await functions.until(job_id))["result"] == "x"
    assert await functions.query(reserved) == [(0, 0)]
    assert await functions.query("select admitted from admissions") == [(0,)]
    assert await functions.query("select * from job_queue") == []


async def test_an_event_wakes_many_jobs_and_a_lost_wakeup_is_repaired(functions: Functions) -> None:
    await functions.deploy(EVENT)
    job_ids = [await functions.submit() for _ in range(6)]
    for job_id in job_ids:
        await functions.until(job_id, "waiting")
    # As if the process had been lost between the end of the wait and the queue.
    await functions.query(
        "update job_waits set wake_at = now() where job_id = :job_id returning 1", job_id=job_ids[0]
    )
    assert (await functions.until(job_ids[0]))["result"] == "timeout"
    await functions.send("invoice.paid", id="all")
    for job_id in job_ids[1:]:
        assert (await functions.until(job_id))["result"][0] == "all"
