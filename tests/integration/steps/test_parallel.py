"""Branches of `parallel`: concurrent, with deterministic places, and without a process when all of them wait."""

from __future__ import annotations

from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle

__all__ = ["functions", "idle", "make_project", "project"]

WAITING = """
    import time
    from functools import partial
    from puras import parallel, sleep, step, wait_for_event


    def note(text):
        with open("drive/log.txt", "a") as file:
            file.write(text + "\\n")
        return text


    def sleeps(name, seconds):
        step("before", note, f"before {name}")
        sleep(seconds)
        return step("after", note, f"after {name}")


    def waits(name):
        step("before", note, f"before {name}")
        event = wait_for_event("go")
        return step("after", note, f"after {name} {event['id']}")


    def run():
        def nested():
            return parallel(partial(waits, "d"), partial(sleeps, "e", 3))

        return parallel(
            partial(sleeps, "a", 4), partial(waits, "b"), lambda: step("c", note, "c"), nested, concurrency=2
        )
"""


async def test_branches_wait_without_a_process(functions: Functions) -> None:
    await functions.deploy(WAITING)
    job_id = await functions.submit()
    await functions.until(job_id, "waiting")
    await functions.send("go", id="x")
    job = await functions.until(job_id)
    assert job["status"] == "succeeded", job
    assert job["result"] == ["after a", "after b x", "c", ["after d x", "after e"]]
    assert job["attempt"] == 1
    lines = functions.drive("log.txt").read_text().splitlines()
    assert sorted(lines) == sorted(set(lines)), "a finished step ran again"
    branches = {step["branch"] for step in await functions.steps(job_id)}
    assert branches == {"1.0", "1.1", "1.2", "1.3/1.0", "1.3/1.1"}


async def test_branches_run_concurrently_and_the_first_error_counts(functions: Functions) -> None:
    await functions.deploy("""
        import threading
        from puras import parallel, step

        both = threading.Barrier(2, timeout=10)


        def run():
            assert parallel() == []
            assert parallel(both.wait, lambda: step("wait", both.wait)) in ([0, 1], [1, 0])
            ended = []

            def good():
                ended.append(1)

            def bad(text):
                raise ValueError(text)

            try:
                parallel(lambda: step("one", bad, "first"), lambda: bad("second"), good, concurrency=1)
            except ValueError as error:
                return [str(error), len(ended)]
    """)
    job = await functions.run()
    assert job["result"] == ["first", 1], job


async def test_threads_of_the_function_are_rejected(functions: Functions) -> None:
    await functions.deploy("""
        import threading
        from concurrent.futures import ThreadPoolExecutor
        from puras import StepError, parallel, sleep, step


        def message(function):
            try:
                function()
            except StepError as error:
                return str(error)


        def run():
            with ThreadPoolExecutor() as pool:
                thread = pool.submit(message, lambda: step("x", int)).result()
            nested = step("outer", lambda: [message(lambda: sleep(1)), message(lambda: parallel(int))])
            return [thread, *nested, step("outer", lambda: step("inner", int))]
    """)
    job = await functions.run()
    assert job["status"] == "succeeded", job
    thread, sleeping, parallel, inner = job["result"]
    assert "puras.parallel" in thread
    assert "cannot be called in a step" in sleeping
    assert "cannot be called in a step" in parallel
    assert inner == 0
    assert [step["name"] for step in await functions.steps(job["id"])] == ["outer", "outer"]


async def test_a_branch_that_continues_is_not_ended_with_those_that_wait(functions: Functions) -> None:
    await functions.deploy("""
        import time
        from puras import parallel, sleep, step, wait_for_event


        def slow():
            with open("drive/slow.txt", "a") as file:
                file.write("x")
            time.sleep(4)


        def run():
            def works():
                sleep(0.5)
                step("slow", slow)

            parallel(works, lambda: wait_for_event("go"), lambda: sleep(30))
    """)
    job_id = await functions.submit()
    await functions.until_file("slow.txt")
    job = await functions.until(job_id, "waiting")
    assert functions.drive("slow.txt").read_text() == "x", "the step was interrupted"
    states = {step["name"]: step["status"] for step in await functions.steps(job_id)}
    assert states["slow"] == "succeeded"
    assert job["attempt"] == 1
