"""Workers that are lost at each boundary of steps: finished steps run once, interrupted ones as they declare."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle

__all__ = ["functions", "idle", "make_project", "project"]

BOUNDARIES = """
    import os
    import pathlib
    import time
    from puras import StepOutcomeUnknown, idempotency_key, step


    def note(text):
        with open("drive/log.txt", "a") as file:
            file.write(text + "\\n")


    def stop_at(place):
        # The test ends the worker at each place once, and only then.
        mark = pathlib.Path("drive", "reached " + place)
        if place == pathlib.Path("drive/stop.txt").read_text() and not mark.exists():
            mark.write_text("yes")
            time.sleep(60)


    def work(name):
        note(f"start {name} {idempotency_key()} {os.environ['PURAS_IDEMPOTENCY_KEY']}")
        stop_at(f"in {name}")
        note(f"end {name}")
        return name


    def run(once=False):
        results = []
        stop_at("before a")
        for name in "abc":
            try:
                results.append(step(name, work, name, once=once))
            except StepOutcomeUnknown:
                results.append(f"unknown {name}")
            stop_at(f"after {name}")
        return results
"""
PLACES = ["before a", *(f"{where} {name}" for name in "abc" for where in ("in", "after"))]


@pytest.mark.parametrize("once", [False, True])
async def test_each_boundary(functions: Functions, *, once: bool) -> None:
    await functions.deploy(BOUNDARIES)
    for place in PLACES:
        for file in await asyncio.to_thread(lambda: list(functions.drive("").iterdir())):
            file.unlink()
        functions.drive("stop.txt").write_text(place)
        functions.drive("stop.txt").chmod(0o644)
        job_id = await functions.submit(once=once)
        await functions.until_file(f"reached {place}")
        await functions.lose_worker(job_id)
        job = await functions.until(job_id)
        where, _, name = place.partition(" ")
        is_interrupted = where == "in"
        expected = [f"unknown {one}" if once and is_interrupted and one == name else one for one in "abc"]
        assert (job["status"], job["result"], job["attempt"]) == ("succeeded", expected, 2), (place, job)
        lines = functions.drive("log.txt").read_text().splitlines()
        ends = Counter(line for line in lines if line.startswith("end"))
        assert set(ends.values()) == {1}, (place, lines)
        starts = [line.split() for line in lines if line.startswith("start")]
        repeated = [keys for _, of, *keys in starts if is_interrupted and of == name]
        assert len(repeated) == (0 if not is_interrupted else 1 if once else 2), (place, lines)
        assert len({tuple(keys) for keys in repeated}) <= 1, "an interrupted step keeps its idempotency key"
        assert all(own == variable for _, _, own, variable in starts)


async def test_failed_step_is_raised_again(functions: Functions) -> None:
    await functions.deploy("""
        import pathlib
        import time
        from puras import sleep, step


        class OutOfStock(Exception):
            pass


        def fail():
            with open("drive/calls.txt", "a") as file:
                file.write("x")
            raise OutOfStock("sku", 7)


        def run():
            try:
                step("reserve", fail, retries=2, backoff_s=0.01)
            except OutOfStock as error:
                caught = list(error.args)
            sleep(3)
            return step("fallback", lambda: caught)
    """)
    job = await functions.run()
    assert (job["status"], job["result"], job["attempt"]) == ("succeeded", ["sku", 7], 1), job
    assert functions.drive("calls.txt").read_text() == "xxx"
    (failed,) = [step for step in await functions.steps(job["id"]) if step["status"] == "failed"]
    assert (failed["tries"], failed["error"]) == (3, "OutOfStock: ('sku', 7)")


async def test_retry_of_the_job_runs_the_failed_step_again(functions: Functions) -> None:
    schemas = "input_schema: {type: object}\noutput_schema: {}\n"
    skill = f"entrypoint: main.py:run\n{schemas}retries: {{max: 2, on: [error]}}\n"
    await functions.deploy(
        """
        import os
        from puras import step


        def count(name):
            with open(f"drive/{name}.txt", "a") as file:
                file.write("x")
            return os.path.getsize(f"drive/{name}.txt")


        def fragile():
            if count("fragile") < 2:
                raise ValueError("not yet")
            return "worked"


        def run():
            return [step("first", count, "first"), step("fragile", fragile)]
    """,
        skill=skill,
    )
    job = await functions.run()
    assert (job["status"], job["result"]) == ("succeeded", [1, "worked"]), job


async def test_another_step_than_before_is_a_mismatch(functions: Functions) -> None:
    await functions.deploy("""
        import os
        from puras import sleep, step


        def run():
            name = "second" if os.path.exists("drive/mark.txt") else "first"
            step(name, open("drive/mark.txt", "w").close)
            sleep(3)
    """)
    job = await functions.run()
    assert (job["status"], job["error_code"]) == ("failed", "step_mismatch"), job
    assert "'first'" in job["error"]
    assert "'second'" in job["error"]


async def test_another_wait_than_before_is_a_mismatch(functions: Functions) -> None:
    await functions.deploy("""
        import os
        from puras import wait_for_event


        def run():
            name = "second" if os.path.exists("drive/mark.txt") else "first"
            open("drive/mark.txt", "w").close()
            wait_for_event(name, timeout_s=3)
    """)
    job = await functions.run()
    assert (job["status"], job["error_code"]) == ("failed", "step_mismatch"), job


async def test_worker_restarts_while_a_job_sleeps(idle: Functions) -> None:
    await idle.deploy("""
        from puras import sleep, step


        def run():
            first = step("one", lambda: 1)
            sleep(4)
            return first + step("two", lambda: 2)
    """)
    async with idle.worker():
        job_id = await idle.submit()
        await idle.until(job_id, "waiting")
    await asyncio.sleep(4)
    assert (await idle.job(job_id))["status"] == "waiting"
    async with idle.worker():
        job = await idle.until(job_id)
    assert (job["result"], job["attempt"]) == (3, 1)


async def test_lost_worker_during_a_short_sleep_keeps_its_end(functions: Functions) -> None:
    await functions.deploy("""
        import pathlib
        from puras import sleep


        def run():
            sleep(1.9)
    """)
    job_id = await functions.submit()
    rows: list[Any] = []
    async with asyncio.timeout(10):
        while not rows:
            rows = await functions.query("select wake_at from job_waits")
    await functions.lose_worker(job_id)
    assert await functions.query("select wake_at from job_waits") == rows
    job = await functions.until(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)


async def test_drain_requeues_a_running_step(idle: Functions) -> None:
    await idle.deploy("""
        import pathlib
        import time
        from puras import step


        def slow():
            if not pathlib.Path("drive/slow.txt").exists():
                pathlib.Path("drive/slow.txt").write_text("yes")
                time.sleep(60)
            return "slow"


        def run():
            with open("drive/first.txt", "a") as file:
                step("first", file.write, "x")
            return step("slow", slow)
    """)
    async with idle.worker():
        job_id = await idle.submit()
        await idle.until_file("slow.txt")
    async with idle.worker():
        job = await idle.until(job_id)
    assert (job["result"], job["attempt"]) == ("slow", 2)
    assert idle.drive("first.txt").read_text() == "x"


async def test_job_keeps_its_version_while_it_waits(functions: Functions) -> None:
    code = """
        from puras import step, wait_for_event


        def run():
            step("one", lambda: VERSION)
            wait_for_event("go")
            return step("two", lambda: VERSION)
    """
    await functions.deploy(code.replace("VERSION", "1"))
    job_id = await functions.submit()
    await functions.until(job_id, "waiting")
    await functions.deploy(code.replace("VERSION", "2").replace("one", "other"))
    await functions.send("go")
    assert (await functions.until(job_id))["result"] == 1
    newer = await functions.submit()
    await functions.until(newer, "waiting", "succeeded")
    await functions.send("go")
    assert (await functions.until(newer))["result"] == 2
