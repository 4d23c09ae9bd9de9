"""A server behind every model, in a process of its own: `python -m benchmarks.upstream STEPS HOLD THINK_S`.

Each conversation calls `todo_write` in every step but the last, of which there are STEPS; every reply comes after about
THINK_S, and the one to step HOLD is held until a line `release` comes. A line `report` is answered with when which step
of which conversation was asked for.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import uvicorn
from starlette.types import Receive, Scope, Send

from tests.doubles.messages import Answer, MessagesServer, calls, says

STAMP: Final = 12
"""Characters of the moment at which a reply was begun, with which it begins: the double's first delta."""
MAX_HELD: Final = 600
MAX_HELD_S: Final = 300.0
_TOPIC: Final = re.compile(r'topic: "([^"]*)"')
SKILL: Final = {
    "skills/turns/skill.yaml": b"""\
entrypoint: prompt.md
description: Keeps a list until it is told that it is done.
model: claude/haiku-4-5
disable_bash: true
network: none
input_schema: {type: object, properties: {topic: {type: string}}, required: [topic]}
output_schema: {type: object, properties: {done: {type: boolean}}}
""",
    "skills/turns/prompt.md": b"Keep a list of what there is to do.",
}


class Asked(NamedTuple):
    """One request for a reply."""

    topic: str
    step: int
    at: float
    """On the monotonic clock, which all processes share."""


@dataclass(slots=True)
class Upstream:
    """The server, seen from the process that started it."""

    process: subprocess.Popen[str]
    url: str

    def release(self) -> None:
        """Let every held reply go on, now and later."""
        self._say("release")

    def asked(self) -> list[Asked]:
        """Every request so far."""
        self._say("report")
        return [Asked(*row) for row in json.loads(self._hear())]

    def settings(self) -> dict[str, str]:
        """What an instance has to be told to use it."""
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}

    def _say(self, line: str) -> None:
        if self.process.stdin is None:
            raise RuntimeError("the upstream has no pipe")
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _hear(self) -> str:
        if self.process.stdout is None:
            raise RuntimeError("the upstream has no pipe")
        return self.process.stdout.readline()


@contextmanager
def upstream(*, steps: int, hold: int = 0, think_s: float = 0.0) -> Iterator[Upstream]:
    """Start one; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.upstream", str(steps), str(hold), str(think_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        made = Upstream(process, "")
        try:
            made.url = made._hear().strip()
            yield made
        finally:
            process.kill()


class _Patient(threading.Event):
    """Waits longer than the double has patience, for as long as five hundred runs take to come to their place."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(MAX_HELD_S)


class _Script:
    def __init__(self, steps: int, hold: int) -> None:
        self._steps = steps
        self._hold = hold
        self.release = _Patient()
        self.asked: list[Asked] = []

    def __call__(self, body: dict[str, Any]) -> Answer:
        """The reply to one request; its text begins with the moment at which it was begun."""
        now = time.monotonic()
        found = _TOPIC.search(str(body["messages"][0]["content"]))
        step = 1 + sum(message["role"] == "assistant" for message in body["messages"])
        self.asked.append(Asked(found[1] if found else "", step, now))
        if step >= self._steps:
            return says(calls("set_output", done=True), input_tokens=20, output_tokens=2)
        todos = [{"content": f"Step {n}", "status": "pending"} for n in range(step, step + 3)]
        call = calls("todo_write", todos=todos)
        if step == self._hold:
            return says(call, input_tokens=20, output_tokens=2, hold_after=4, release=self.release)
        return says(f"{now:<{STAMP}.4f}", call, input_tokens=20, output_tokens=2)


async def main(steps: int, hold: int, think_s: float) -> None:
    """Serve until the pipe is closed."""
    script = _Script(steps, hold)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MAX_HELD))
    app = MessagesServer(script).app()

    async def thinking(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(think_s * random.uniform(0.5, 1.5))  # runs that are asked at once do not stay so
        await app(scope, receive, send)

    config = uvicorn.Config(thinking, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    # Only of a socket that says that it is TCP, asyncio sends small pieces at once.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        serving = asyncio.create_task(server.serve([listening]))
        await _obey(script)
        server.should_exit = server.force_exit = True
        script.release.set()
        await serving


async def _obey(script: _Script) -> None:
    """Do what the lines say until there are no more."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "release":
            script.release.set()
        else:
            print(json.dumps(script.asked), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
