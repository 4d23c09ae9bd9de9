"""Flows wait for times and events, send events, limit the time of steps, and undo them, over REST."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.flows.conftest import Flows, worker

EVENT = """\
steps:
  - id: paid
    wait: {event: {type: paid, match: "${{ event.data.order == inputs.n && event.data.total > 5 }}"}}
    timeout: %s
    %s
output: {r: "${{ steps.paid }}"}
"""


async def test_branches_wait_for_different_things(flows: Flows) -> None:
    await flows.push("""\
steps:
  - id: all
    parallel:
      - steps: [{id: time, wait: {duration: 0.1}}]
      - steps: [{id: payment, wait: {event: {type: paid}}, timeout: 1d}]
      - steps: [{id: sign, approval: {message: Go?}}]
  - {id: done, emit: {type: done, data: {n: "${{ steps.payment.data.n }}"}}}
output: "${{ steps.done }}"
""")
    async with worker(flows.instance):
        job_id = await flows.submit()
        await flows.approval(job_id)
        async with asyncio.timeout(20):
            while len(await flows.events(job_id, "waiting")) < 2:  # noqa: ASYNC110 - the time has ended by then
                await asyncio.sleep(0.05)
        job = await flows.until(job_id, "waiting")
        assert job["waiting_reason"].startswith("for an approval; for the event 'paid' until ")
        first = (await flows.events(job_id, "waiting"))[0]
        assert (first["reason"], first["approvals"], "until" in first) == ("approval", 1, True)
        await flows.decide(job_id)
        async with asyncio.timeout(20):
            while (await flows.events(job_id, "waiting"))[-1]["reason"] != "event":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        steps = (await flows.project.http.get(f"/v1/jobs/{job_id}/steps")).json()
        statuses = {step["name"]: step["status"] for step in steps}
        assert statuses == {
            "all": "running",
            "time": "succeeded",
            "payment": "waiting",
            "sign": "succeeded",
            "done": "pending",
        }
        await flows.send("paid", {"n": 4})
        job = await flows.until(job_id)
    assert (job["error"], job["result"]) == (None, {"id": f"{job_id}:done"})
    assert await flows.query("select * from job_waits") == []
    [sent] = (await flows.project.http.get("/v1/events?type=done")).json()
    assert (sent["id"], sent["data"], sent["sent_by"]) == (f"{job_id}:done", {"n": 4}, f"job:{job_id}")


async def test_events_that_do_not_match_are_skipped(flows: Flows) -> None:
    await flows.push(EVENT % ("1d", ""))
    await flows.send("paid", {"order": 7, "total": 9}, "too early")
    async with worker(flows.instance):
        seven = await flows.submit(n=7)
        await flows.send("paid", {"order": 7, "total": 1}, "too small")  # perhaps before the wait
        await flows.until(seven, "waiting")
        await flows.send("paid", {"order": 7}, "without a total")
        await flows.send("paid", {"order": 8, "total": 9}, "of another order")
        await flows.send("paid", {"order": 7, "total": 6}, "right")
        job = await flows.until(seven)
    assert job["result"] == {"r": {"id": "right", "type": "paid", "data": {"order": 7, "total": 6}}}
    assert await flows.query("select * from job_waits") == []


async def test_many_events_are_examined_in_batches(flows: Flows) -> None:
    await flows.push(EVENT % ("1d", ""))
    job_id = await flows.submit(n=7)
    await flows.query("""
        insert into project_events (project_id, id, type, data, sent_by, received_at)
        select project_id, 'event ' || n, 'paid', jsonb_build_object('order', 7, 'total', n / 50.0), 'x',
               clock_timestamp()
        from jobs, generate_series(1, 260) n
    """)
    async with worker(flows.instance):
        job = await flows.until(job_id)
    assert job["result"]["r"]["data"]["total"] == 5.02


async def test_event_that_does_not_come_ends_the_wait(flows: Flows) -> None:
    await flows.push(EVENT % ("0.2s", "on_error: continue"))
    async with worker(flows.instance):
        job = await flows.run(n=7)
        assert job["result"] == {"r": {"timed_out": True}}
        await flows.push(EVENT % ("0.2s", ""))
        job = await flows.run(n=7)
    assert (job["status"], job["error_code"]) == ("failed", "flow_step_failed")
    assert "The step 'paid' failed with step_timeout: The event was not received within 0.2" in job["error"]


async def test_time_of_a_step_cancels_its_job(flows: Flows) -> None:
    await flows.push("""\
steps:
  - id: a
    for_each: [sleep 60, b]
    on_error: continue
    timeout: 1s
    skill: tally
    inputs: {words: "${{ item }}"}
output: {r: "${{ steps.a.map(e, e.status) }}", error: "${{ steps.a[0].error }}"}
""")
    async with worker(flows.instance):
        job = await flows.run()
        children = await flows.children(job["id"])
    assert job["result"]["r"] == ["failed", "succeeded"]
    assert job["result"]["error"] == f"Its time of 1 seconds is over (job {children[0]['id']})"
    assert [one["status"] for one in children] == ["cancelled", "succeeded"]
    assert await flows.query("select * from job_waits") == []


async def test_failed_flow_is_undone(flows: Flows) -> None:
    await flows.push("""\
steps:
  - id: each
    for_each: [a, b c]
    skill: tally
    inputs: {words: "${{ item }}"}
    compensate: {skill: tally, inputs: {words: "undo ${{ steps.each.map(e, e.total) }}"}}
  - {id: two, skill: tally, inputs: {words: x}, compensate: {skill: tally, inputs: {words: fail}}}
  - {id: three, title: Third, skill: tally, inputs: {words: y}, compensate: {skill: tally, inputs: {words: undo y}}}
  - {id: last, skill: tally, inputs: {words: fail}}
""")
    async with worker(flows.instance):
        job = await flows.run()
        children = await flows.children(job["id"])
    assert (job["status"], job["error_code"]) == ("failed", "flow_step_failed")
    assert "The step 'last' failed with exception: " in job["error"]
    assert "Not undone: 'two' failed with exception: " in job["error"]
    undone = [(one["inputs"]["words"], one["metadata"]["label"]) for one in children[5:]]
    assert undone == [("undo y", "Undo Third"), ("fail", "Undo two"), ("undo [1, 2]", "Undo each")]


async def test_event_id_of_another_event_fails_the_step(flows: Flows) -> None:
    await flows.push("steps: [{id: e, emit: {type: x, id: same, data: {n: '${{ inputs.n }}'}}}]\n")
    async with worker(flows.instance):
        for _ in range(2):
            assert (await flows.run(n=1))["result"] == {"id": "same"}
        assert "failed with event_id_used: " in (await flows.run(n=2))["error"]


@pytest.mark.parametrize("data", [b'{"\\ud800": 1}', b'{"a": ["\\udfff"]}', b'"a\\u0000"'])
async def test_event_with_text_that_cannot_be_stored_is_rejected(flows: Flows, data: bytes) -> None:
    body = b'{"type": "invoice.paid", "data": %s}' % data
    response = await flows.project.http.post(
        "/v1/events", content=body, headers={"Content-Type": "application/json"}
    )
    assert (response.status_code, response.json()["code"]) == (422, "invalid"), response.text
    assert "data" in response.text
