"""Durable steps: each is stored once, and a later attempt continues after the last one."""

from __future__ import annotations

import httpx
import pytest

from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle
from workers.sandbox.host.zygotes import process

__all__ = ["functions", "idle", "make_project", "project"]

THREE = """
    import pathlib
    import time
    from puras import step


    def note(text):
        with open("drive/log.txt", "a") as file:
            file.write(text + "\\n")
        return {"text": text, "pair": (1, 2)}


    def run(pause=0):
        first = step("first", note, "a")
        second = step("note", note, "b")
        pathlib.Path("drive/ready.txt").write_text("yes")
        time.sleep(pause)
        third = step("note", note, text="c")
        return [first, second["text"], third["text"]]
"""


async def test_steps_are_stored_with_their_results(functions: Functions) -> None:
    await functions.deploy(THREE)
    job = await functions.run()
    assert job["status"] == "succeeded", job
    assert job["result"] == [{"text": "a", "pair": [1, 2]}, "b", "c"]
    steps = await functions.steps(job["id"])
    assert [(one["name"], one["occurrence"], one["position"], one["status"]) for one in steps] == [
        ("first", 1, 1, "succeeded"),
        ("note", 1, 2, "succeeded"),
        ("note", 2, 3, "succeeded"),
    ]
    assert steps[0]["result"] == {"text": "a", "pair": [1, 2]}
    finished = await functions.events(job["id"], "step_finished")
    assert [event["payload"]["name"] for event in finished] == ["first", "note", "note"]


async def test_what_a_job_reports_before_a_step_is_recorded_before_it(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while the worker does not read the output of the job yet."""
    monkeypatch.setattr(process, "_READ_OUTPUT_AFTER_S", 30.0)
    await functions.deploy("""
        from puras import progress, step


        def run():
            progress(0.5, "before")
            return step("only", len, "abc")
    """)
    job = await functions.run()
    assert job["result"] == 3, job
    recorded = await functions.events(job["id"], "progress", "step_started", "step_finished")
    types = [event["type"] for event in recorded]
    assert types[0] == "progress"
    assert "step_finished" in types


async def test_steps_are_spans(functions: Functions) -> None:
    await functions.deploy(THREE)
    job = await functions.run()
    spans = (await functions.project.http.get(f"/v1/jobs/{job['id']}/spans")).json()
    steps = [span for span in spans if span["kind"] == "durable_step"]
    assert [(span["name"], span["attributes"]["ok"]) for span in steps] == [
        ("first", True),
        ("note", True),
        ("note", True),
    ]
    (function,) = [span for span in spans if span["kind"] == "function"]
    assert {span["parent_span_id"] for span in steps} == {function["span_id"]}


async def test_fork_starts_with_stored_steps(functions: Functions) -> None:
    await functions.deploy(THREE)
    job = await functions.run()

    async def fork(**body: object) -> httpx.Response:
        return await functions.project.http.post(f"/v1/jobs/{job['id']}/fork", json=body)

    forked = await fork(step=2)
    assert forked.status_code == 201, forked.text
    copy = await functions.until(forked.json()["id"])
    assert copy["result"] == job["result"]
    assert functions.drive("log.txt").read_text().split() == ["a", "b", "c", "c"]
    steps = await functions.steps(copy["id"])
    assert [step["attempt"] for step in steps] == [0, 0, 1]
    rejected = await fork(step=4)
    assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, "step")
    assert (await fork(step=1, model="claude/haiku-4-5")).status_code == 422
