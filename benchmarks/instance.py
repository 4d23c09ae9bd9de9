"""A complete instance in a separate folder, started as an operator starts it."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import commands, home_template
from benchmarks.client import Client
from benchmarks.temporary import temporary_folder

READY_S = 180.0
PAGES_STAMP = commands.ROOT / ".web" / "build" / "sources.sha256"
"""The last file that `make pages` writes. The path is also in `studio/build.py`, but importing that loads Reflex."""
PORTS = (20_000, 32_000)
"""The range of ports below the ephemeral ports of Linux and macOS."""
NOOP_SKILL = {
    "skills/noop/skill.yaml": b"""\
entrypoint: main.py:run
description: Returns immediately.
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


@dataclass(frozen=True, slots=True)
class Running:
    """A running instance."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int
    api_key: str
    ready_after_s: float
    log: Path

    def client(self, api_key: str | None = None) -> Client:
        """Return a client, which the caller must close; the default API key is that of the first project."""
        return Client(self.port, api_key or self.api_key)

    def add_project(self) -> str:
        """Create another project with credit, and return its API key."""
        return _make_project(environment(self.home, self.port))


def environment(home: Path, port: int, **settings: str) -> dict[str, str]:
    """Return the environment of an instance: that of the caller without its instance settings, plus these settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PURAS_") and name not in ("DATABASE_URL", "REDIS_URL")
    }
    own = {"PURAS_HOME": str(home), "PURAS_PORT": str(port), "PURAS_LOG_LEVEL": "WARNING"}
    return {**inherited, **own, **settings}


@contextmanager
def instance(
    home: Path | None = None, *, checkout: Path = commands.ROOT, **settings: str
) -> Iterator[Running]:
    """Start `puras-studio up` of a checkout on a free port, create a project with credit, and stop it at the end.

    A new home of this checkout gets the database of `home_template`. The instance also ends when this process is
    killed.

    Raises:
        RuntimeError: the instance does not start, or the pages of the studio are not built in this checkout.
    """
    if checkout == commands.ROOT:
        require_pages()
    with temporary_folder(home) as folder:
        home_folder = home or folder / "home"
        port = free_port()
        env = environment(home_folder, port, **settings)
        if checkout == commands.ROOT:
            home_template.fill(home_folder, env)
        log_file = folder / "log"
        with log_file.open("wb") as log:
            began = time.monotonic()
            process = subprocess.Popen(
                [*_command(checkout), "up"],
                cwd=checkout,
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                wait_ready(
                    port, process, log_file, "/ready/workers" if checkout == commands.ROOT else "/ready"
                )
                ready_after_s = time.monotonic() - began
                yield Running(
                    process, home_folder, port, _make_project(env, checkout), ready_after_s, log_file
                )
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(40)
            _require_no_deadlock(home_folder)


def deploy_noop(client: Client, *, runs: int) -> None:
    """Deploy `NOOP_SKILL`, and run it, so that processes and caches are ready."""
    client.push(NOOP_SKILL)
    for n in range(runs):
        client.run("noop", {"n": n})


def require_pages() -> None:
    """Fail immediately if the pages of the studio are missing: an instance without them never becomes ready.

    Raises:
        RuntimeError: the pages are not built.
    """
    if not PAGES_STAMP.is_file():
        raise RuntimeError(
            f"The pages of the studio are not built: {PAGES_STAMP} is missing. Run `make pages`."
        )


def _require_no_deadlock(home: Path) -> None:
    """Fail if the database has reported a deadlock: the product retries such statements, which hides deadlocks."""
    log = home / "postgres" / "log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if "deadlock detected" in text:
        raise RuntimeError(f"the database detected a deadlock:\n{text[-3000:]}")


def free_port() -> int:
    """Return a port that no process uses, outside of the ephemeral ports of the system.

    Some seconds pass until the caller listens on it. An ephemeral port could be assigned to another process meanwhile.
    """
    while True:
        port = random.SystemRandom().randrange(*PORTS)
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_ready(port: int, process: subprocess.Popen[bytes], log: Path, path: str = "/ready/workers") -> None:
    """Wait until `path` returns 200."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the process has ended:\n{_end_of(log)}")
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=2)) as connection:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.02)
    raise RuntimeError(f"the process was not ready after {READY_S} s:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text()[-2000:] if log.exists() else "(no log)"


def _command(checkout: Path) -> list[str]:
    """Return the command `puras-studio` of a checkout: this one with this interpreter, others with their `.venv`."""
    own = [sys.executable, "-m", "backend.operations.cli"]
    return own if checkout == commands.ROOT else [str(checkout / ".venv/bin/puras-studio")]


def _make_project(env: Mapping[str, str], checkout: Path = commands.ROOT) -> str:
    arguments = ("project", "create", f"bench-{uuid.uuid4().hex[:6]}", "--credit-usd", "1000", "--json")
    if checkout == commands.ROOT:
        made = commands.run(arguments, env)
    else:
        command = [*_command(checkout), *arguments]
        made = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise RuntimeError(f"no project was created:\n{made.stderr}")
    api_key: str = json.loads(made.stdout)["api_key"]
    return api_key
