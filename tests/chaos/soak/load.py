"""A mixed load of all kinds of work on an instance, in several threads."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.skills import SKILLS, upload
from tests.chaos.streams import Event, follow
from tests.doubles.messages import Answer, calls, says
from tests.factories.agents import DONE, place_of

STEPS: Final = 5
TOPICS: Final = 20
TICKS_EVERY_S: Final = 0.2
CELL_TIMEOUT_S: Final = 60.0
LOAD_SKILLS: Final = {
    "skills/ticks/skill.yaml": b"""\
entrypoint: main.py:run
description: Prints the time repeatedly.
timeout_s: 600
input_schema: {type: object, properties: {times: {type: integer}, every_s: {type: number}}}
output_schema: {type: object, properties: {times: {type: integer}}}
""",
    "skills/ticks/main.py": b"""\
import time


def run(times, every_s):
    for n in range(times):
        print(f"tick {n} stamp={int(time.time() * 1000)}", flush=True)
        time.sleep(every_s)
    return {"times": times}
""",
    "skills/fails/skill.yaml": b"""\
entrypoint: main.py:run
description: Always fails.
retries: {max: 0}
input_schema: {type: object}
output_schema: {type: object}
""",
    "skills/fails/main.py": b"def run():\n    raise ValueError('as it should')\n",
}
BUNDLE: Final = {**SKILLS, **LOAD_SKILLS}


def reply(body: dict[str, Any]) -> Answer:
    """Return the reply of the model: a location in every step but the last, then the result."""
    topic, step = place_of(body)
    call = calls("set_output", **DONE) if step == STEPS else calls("note", at=f"{topic}/{step}")
    return says(call, input_tokens=20, output_tokens=2, pause_s=0.05)


class Load:
    """Threads that each repeat one action at an average interval; errors are stored."""

    def __init__(self, running: Running, api_key: str) -> None:
        self.wrong: list[str] = []
        self.done: Counter[str] = Counter()
        self._running = running
        self._api_key = api_key
        self._stop = threading.Event()
        actions: list[tuple[float, Callable[[Client], None]]] = [
            (0.3, _function),
            (1.5, _agent),
            (2.0, _failure),
            (3.0, _cancel),
            (2.0, _files),
            (1.0, _read),
            (2.0, self._follow),
            (60.0, _push),
            (20.0, _kernel),
            (15.0, _schedule),
        ]
        self._threads = [threading.Thread(target=self._every, args=action) for action in actions]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _every(self, seconds: float, action: Callable[[Client], None]) -> None:
        name = action.__name__.strip("_")
        while not self._stop.wait(random.uniform(0, 2 * seconds)):
            try:
                with self._running.client(self._api_key) as client:
                    action(client)
                self.done[name] += 1
            except Exception as error:  # noqa: BLE001 - the test reports it at the end
                self.wrong.append(f"{name}: {error!r}")

    def _follow(self, client: Client) -> None:
        events: list[Event] = []
        job_id = client.submit("talk", lines=60)
        assert follow(self._running, job_id, events, api_key=self._api_key)
        assert events[-1]["type"] == "succeeded", events[-1]


def _function(client: Client) -> None:
    job = client.run("noop", {"n": 1})
    assert job["result"] == {"n": 1}, job


def _agent(client: Client) -> None:
    job = client.run("wander", {"topic": f"soak-{random.randrange(TOPICS)}"})
    assert (job["status"], job["steps"]) == ("succeeded", STEPS), job


def _failure(client: Client) -> None:
    job = client.run("fails", {})
    assert (job["status"], "as it should" in job["error"]) == ("failed", True), job


def _cancel(client: Client) -> None:
    job_id = client.submit("nap", seconds=60)
    client.call("POST", f"/v1/jobs/{job_id}/cancel")
    job = client.call("GET", f"/v1/jobs/{job_id}?wait=true&timeout=10")
    assert job["status"] == "cancelled", job


def _files(client: Client) -> None:
    name = f"soak/{random.randrange(100)}.txt"
    upload(client, name)
    client.call("GET", "/v1/drive?prefix=soak")


def _read(client: Client) -> None:
    (job,) = client.call("GET", "/v1/jobs?limit=1")
    for path in ("/v1/jobs?limit=50", "/v1/skills", "/v1/usage", f"/v1/jobs/{job['id']}/events"):
        client.call("GET", path)


def _kernel(client: Client) -> None:
    """Start the kernel of a notebook, run a cell in it, and stop it."""
    kernel = client.call("POST", "/v1/notebooks/kernels", {"path": f"soak-{random.randrange(10**9)}.ipynb"})
    path = f"/v1/notebooks/kernels/{kernel['id']}"
    client.call("POST", f"{path}/cells", {"cells": [{"cell": "first", "code": "sum(range(10))"}]})
    deadline = time.monotonic() + CELL_TIMEOUT_S
    while (cell := client.call("GET", f"{path}?wait_s=5")["cells"][0])["ended_at"] is None:
        assert time.monotonic() < deadline, cell
    assert cell["status"] == "ok", cell
    client.call("DELETE", path)


def _schedule(client: Client) -> None:
    """Create a schedule with a run each minute, run it manually as well, and delete it."""
    name = f"soak-{random.randrange(10**9)}"
    body = {"name": name, "skill": "noop", "inputs": {"n": 1}, "cron": "* * * * *", "overlap": "allow"}
    schedule = client.call("POST", "/v1/schedules", body)
    run = client.call("POST", f"/v1/schedules/{schedule['id']}/run")
    job = client.call("GET", f"/v1/jobs/{run['job_id']}?wait=true&timeout=50")
    assert job["result"] == {"n": 1}, job
    client.call("DELETE", f"/v1/schedules/{schedule['id']}")


def _push(client: Client) -> None:
    client.push({**BUNDLE, "skills/ticks/notes.txt": str(random.random()).encode()})
