"""Options of steps, results that cannot be stored, and limits of a job."""

from __future__ import annotations

import pytest

from backend.execution.steps import service
from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle
from workers.steps import limits

__all__ = ["functions", "idle", "make_project", "project"]


async def test_timeout_async_functions_and_reserved_names(functions: Functions) -> None:
    await functions.deploy("""
        import asyncio
        import functools
        import time
        from puras import StepTimeout, step


        async def later(value):
            await asyncio.sleep(0.01)
            return value


        def spin():
            while True:
                time.sleep(0.01)


        def own(retries):
            return retries


        def run():
            results = [step("later", later, 5)]
            try:
                step("spin", spin, timeout_s=0.2, retries=1, backoff_s=0.01)
            except StepTimeout as error:
                results.append(str(error))
            try:
                step("own", own, retries=0)
            except TypeError as error:
                results.append(error.__notes__)
            results.append(step("own", functools.partial(own, retries=3), retries=1))
            return results
    """)
    job = await functions.run()
    assert job["status"] == "succeeded", job
    later, timeout, notes, own = job["result"]
    assert (later, own) == (5, 3)
    assert "limit of 0.2 s" in timeout
    assert "functools.partial" in notes[0]


async def test_results_that_cannot_be_stored(functions: Functions) -> None:
    await functions.deploy("""
        from puras import StepError, step


        def run(size):
            messages = []
            for value in (object(), float("nan"), {1, 2}):
                try:
                    step("bad", lambda: value)
                except StepError as error:
                    messages.append(str(error))
            assert step("text", lambda: "a\\0b\\ud800 \\u20ac") == "a\\0b\\ud800 \\u20ac"
            assert step("number", lambda: 10**30) == 10**30
            assert step("quotes", lambda: '"' * 500_000) == '"' * 500_000
            step("large", lambda: "x" * size)
            return messages
    """)
    job = await functions.run(size=1_000_000)  # larger than the result of the job may be
    assert job["status"] == "succeeded", job
    assert len(job["result"]) == 3
    assert all("is not JSON data" in message for message in job["result"])
    job = await functions.run(size=1_100_000)
    assert (job["status"], job["error_code"]) == ("failed", "step_limit_exceeded"), job


async def test_limits_of_a_job(functions: Functions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_STEPS", 20)
    monkeypatch.setattr(limits, "MAX_JOB_BYTES", 3 * service.MAX_RESULT_BYTES)
    await functions.deploy("""
        from puras import sleep, step


        def run(count, size=1, pause=0):
            for n in range(count):
                step("one", lambda: "x" * size)
                if n == count // 2:
                    sleep(pause)
    """)
    assert (await functions.run(count=19))["status"] == "succeeded"
    for inputs in ({"count": 20}, {"count": 20, "pause": 3}, {"count": 4, "size": 1_000_000}):
        job = await functions.run(**inputs)
        assert (job["status"], job["error_code"]) == ("failed", "step_limit_exceeded"), job
        assert "at most" in job["error"]


async def test_events_that_a_job_sends(functions: Functions) -> None:
    await functions.deploy("""
        import time
        from puras import StepError, emit_event, sleep, wait_for_event


        def run(role):
            if role == "receiver":
                return [wait_for_event("made", {"n": n})["data"]["n"] for n in (2, 1)] + [
                    wait_for_event("made")["data"]["n"] for _ in range(1)
                ]
            for n in (1, 2, 3):
                emit_event("made", {"n": n})
            sleep(3)
            try:
                emit_event("large", "x" * 70_000)
            except StepError as error:
                return str(error)
    """)
    receiver = await functions.submit(role="receiver")
    sender = await functions.submit(role="sender")
    assert "limit is 65536" in (await functions.until(sender))["result"]
    assert (await functions.until(receiver))["result"] == [2, 1, 3]
    listed = (await functions.project.http.get("/v1/events")).json()
    assert [event["data"]["n"] for event in listed] == [3, 2, 1]
    assert {event["sent_by"] for event in listed} == {f"job:{sender}"}
