"""A whole instance in a folder of its own, driven from outside as an app would: over HTTP, with a key."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.bundles.pack import pack_files

READY_S = 60.0
NOOP_SKILL = {
    "skills/noop/skill.yaml": b"""\
entrypoint: main.py:run
description: Returns at once.
input_schema: {type: object, properties: {n: {type: integer}}}
output_schema: {type: object, properties: {n: {type: integer}}}
""",
    "skills/noop/main.py": b"def run(n=0):\n    return {'n': n}\n",
    "skills/nap/skill.yaml": b"""\
entrypoint: main.py:run
description: Sleeps for a while.
retries: {max: 5, on: [worker_lost]}
input_schema: {type: object, properties: {seconds: {type: number}}}
output_schema: {type: object, properties: {slept: {type: number}}}
""",
    "skills/nap/main.py": b"""\
import time


def run(seconds):
    time.sleep(seconds)
    return {"slept": seconds}
""",
}


@dataclass(slots=True)
class Client:
    """One keep-alive connection to the API."""

    port: int
    api_key: str
    _connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        self._connection.connect()
        # Small requests go out at once; a client library does the same.
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The parsed answer; an error answer raises with its sentence."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
        self._connection.request(
            method, path, data, {"Authorization": f"Bearer {self.api_key}", **kind, **headers}
        )
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]!r}")
        return json.loads(text) if text else None

    def push(self, files: Mapping[str, bytes]) -> Any:
        """Deploy a bundle and activate it."""
        boundary = uuid.uuid4().hex
        zipped = pack_files(files)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="bundle"; filename="bundle.zip"\r\n'
            "Content-Type: application/zip\r\n\r\n"
        ).encode()
        body = head + zipped + f"\r\n--{boundary}--\r\n".encode()
        return self.call(
            "POST", "/v1/deployments", body, **{"Content-Type": f"multipart/form-data; boundary={boundary}"}
        )

    def run(self, skill: str, inputs: dict[str, Any]) -> Any:
        """Submit a job and wait for its end."""
        return self.call("POST", "/v1/jobs?wait=true&timeout=55", {"skill": skill, "inputs": inputs})


@dataclass(frozen=True, slots=True)
class Running:
    """An instance that is up."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int
    api_key: str
    ready_after_s: float

    def client(self) -> Client:
        """A connection of its own."""
        return Client(self.port, self.api_key)


def environment(home: Path, port: int, **settings: str) -> dict[str, str]:
    """What the instance's processes see."""
    own = {"PURAS_HOME": str(home), "PURAS_PORT": str(port), "PURAS_LOG_LEVEL": "WARNING", **settings}
    return {**os.environ, **own}


@contextmanager
def instance(home: Path | None = None, **settings: str) -> Iterator[Running]:
    """Start `puras-studio up` on a free port, make a project with credit, stop it all in the end."""
    with tempfile.TemporaryDirectory(prefix="puras-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        place = home or Path(folder) / "home"
        port = free_port()
        env = environment(place, port, **settings)
        with (Path(folder) / "log").open("wb") as log:
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.operations.cli", "up"],
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                wait_ready(port, process, Path(folder) / "log")
                ready_after_s = time.monotonic() - began
                yield Running(process, place, port, _make_project(env), ready_after_s)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(40)


def free_port() -> int:
    """A port that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when `/ready` says 200."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the instance ended by itself:\n{log.read_text()[-2000:]}")
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"the instance was not ready after {READY_S} s:\n{log.read_text()[-2000:]}")


def _make_project(env: Mapping[str, str]) -> str:
    command = [
        sys.executable,
        "-m",
        "backend.operations.cli",
        "project",
        "create",
        f"bench-{uuid.uuid4().hex[:6]}",
    ]
    made = subprocess.run(
        [*command, "--credit-usd", "1000", "--json"],
        env=dict(env),
        check=True,
        capture_output=True,
        timeout=60,
    )
    api_key: str = json.loads(made.stdout)["api_key"]
    return api_key
