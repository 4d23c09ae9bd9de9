"""Requests of steps that tenant code writes to the socket of its process itself."""

from __future__ import annotations

from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle

__all__ = ["functions", "idle", "make_project", "project"]

HOSTILE = """
    import json
    import os
    import random
    import socket
    from puras import sleep, step

    SEEDS = [
        {"operation": "open"},
        {"operation": "outcome"},
        {"operation": "begin"},
        {"operation": "begin", "once": True},
        {"operation": "finish", "result": "1", "tries": 1, "duration_s": 0.1},
        {"operation": "finish", "failure": {"type": "E", "message": "x"}},
        {"operation": "emit", "event_id": "e", "data": "[1]"},
        {"operation": "wait", "after_s": 9, "match": {}},
        {"operation": "suspend", "waits": [10**5]},
    ]
    VALUES = [None, True, -1, 10**400, 1e308, float("nan"), "", "x" * 300, "\\0", "\\ud800", [], {}, [[1]], {"a": []}]


    def lines(job_id):
        place = {"branch": "9.9", "position": 1, "name": "x", "occurrence": 1, "kind": "step"}
        for number in range(600):
            body = {"type": "request", "id": 10**5 + number, "job_id": job_id, **place, **random.choice(SEEDS)}
            for _ in range(random.randint(0, 3)):
                body[random.choice(list(body))] = random.choice(VALUES)
            line = json.dumps(body).encode()
            if random.random() < 0.2:
                at = random.randrange(len(line))
                line = line[:at] + random.randbytes(3).replace(b"\\n", b"") + line[at + 3:]
            yield line + b"\\n"


    def run(other=None, seconds=0):
        first = step("first", int, 1)
        sleep(seconds)
        if other is not None:
            random.seed(7)
            channel = socket.socket(fileno=os.dup(int(os.environ["PURAS_STEPS_FD"])))
            for line in lines(other):
                channel.sendall(line)
        return [first, step("second", int, 2)]
"""


async def test_random_requests_change_only_their_own_job(functions: Functions) -> None:
    await functions.deploy(HOSTILE)
    waiting = await functions.submit(seconds=4)
    await functions.until(waiting, "waiting")
    hostile = await functions.run(other=waiting)
    assert hostile["status"] in {"succeeded", "failed"}
    assert [step["name"] for step in await functions.steps(waiting)] == ["first", "sleep"]
    assert (await functions.until(waiting))["result"] == [1, 2]
    assert (await functions.run())["result"] == [1, 2]
