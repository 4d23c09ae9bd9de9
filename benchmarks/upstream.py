"""A test server of the model API in a separate process: `python -m benchmarks.upstream STEPS HOLD THINK_S`.

Each conversation has STEPS steps, and calls `todo_write` in every step but the last. Every reply is delayed by about
THINK_S, and the reply to step HOLD is held until the line `release` arrives. After the line `report` the server prints
all requests with their conversation, step and time.
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
"""The length of the start time at the beginning of a reply, which is the first delta."""
MAX_HELD: Final = 600
MAX_HELD_S: Final = 300.0
_TOPIC: Final = re.compile(r'topic: "([^"]*)"')
SKILL: Final = {
    "skills/turns/skill.yaml": b"""\
entrypoint: prompt.md
description: Keeps a list until the work is done.
model: claude/haiku-4-5
disable_bash: true
network: none
input_schema: {type: object, properties: {topic: {type: string}}, required: [topic]}
output_schema: {type: object, properties: {done: {type: boolean}}}
""",
    "skills/turns/prompt.md": b"Keep a list of the tasks.",
}


class ModelRequest(NamedTuple):
    """One request for a reply."""

    topic: str
    step: int
    at: float
    """The time on the monotonic clock, which all processes share."""


@dataclass(slots=True)
class Upstream:
    """The server as a child process."""

    process: subprocess.Popen[str]
    url: str

    def release(self) -> None:
        """Release every held reply, now and later."""
        self._send("release")

    def requests(self) -> list[ModelRequest]:
        """Return all requests so far."""
        self._send("report")
        return [ModelRequest(*row) for row in json.loads(self._receive())]

    def settings(self) -> dict[str, Any]:
        """Return the settings with which an instance uses the server."""
        return {"ANTHROPIC_BASE_URL": self.url, "ANTHROPIC_API_KEY": "sk-of-the-double"}

    def _send(self, line: str) -> None:
        if self.process.stdin is None:
            raise RuntimeError("the upstream has no pipe")
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def _receive(self) -> str:
        if self.process.stdout is None:
            raise RuntimeError("the upstream has no pipe")
        return self.process.stdout.readline()


@contextmanager
def upstream(*, steps: int, hold: int = 0, think_s: float = 0.0) -> Iterator[Upstream]:
    """Start a server for the duration of the block."""
    command = [sys.executable, "-m", "benchmarks.upstream", str(steps), str(hold), str(think_s)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        made = Upstream(process, "")
        try:
            made.url = made._receive().strip()
            yield made
        finally:
            process.kill()


class _LongWaitEvent(threading.Event):
    """Waits longer than the default of the test server, until five hundred runs have reached their step."""

    def wait(self, timeout: float | None = None) -> bool:
        return super().wait(MAX_HELD_S)


class _Script:
    def __init__(self, steps: int, hold: int) -> None:
        self._steps = steps
        self._hold = hold
        self.release = _LongWaitEvent()
        self.requests: list[ModelRequest] = []

    def __call__(self, body: dict[str, Any]) -> Answer:
        """Return the reply to one request; its text begins with its start time."""
        now = time.monotonic()
        found = _TOPIC.search(str(body["messages"][0]["content"]))
        step = 1 + sum(message["role"] == "assistant" for message in body["messages"])
        self.requests.append(ModelRequest(found[1] if found else "", step, now))
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
        await asyncio.sleep(think_s * random.uniform(0.5, 1.5))  # spreads runs that start at the same time
        await app(scope, receive, send)

    config = uvicorn.Config(thinking, log_level="critical", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    # asyncio disables Nagle's algorithm only for sockets with the protocol IPPROTO_TCP.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        serving = asyncio.create_task(server.serve([listening]))
        await _handle_commands(script)
        server.should_exit = server.force_exit = True
        script.release.set()
        await serving


async def _handle_commands(script: _Script) -> None:
    """Handle the lines of stdin until it is closed."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "release":
            script.release.set()
        else:
            print(json.dumps(script.requests), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
