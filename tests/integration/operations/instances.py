"""Instances that are started with `puras-studio up`, as an operator starts them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.embedded import home as homes
from backend.embedded import postgres, valkey
from benchmarks import commands
from benchmarks.instance import free_port, require_pages

READY_S = 90.0  # generous: the host may be busy with other tests


@dataclass
class Up:
    """A home folder, a port, and the `puras-studio up` process that may use them."""

    folder: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        outside = ("DATABASE_URL", "REDIS_URL")
        inherited = {name: value for name, value in os.environ.items() if name not in outside}
        own = {"PURAS_HOME": str(self.home), "PURAS_PORT": str(self.port), "PURAS_DRAIN_S": "5"}
        return inherited | own | self.settings

    def start(self, *options: str) -> None:
        """Start `puras-studio up` in the background.

        Raises:
            RuntimeError: The pages of the studio are not built.
        """
        require_pages()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backend.operations.cli", "up", *options],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of the operator commands on this instance."""
        return commands.run(arguments, self.environment, given=given)

    def json(self, *arguments: str, given: str = "") -> Any:
        response = self.run(*arguments, "--json", given=given)
        assert response.returncode == 0, response.stderr
        return json.loads(response.stdout)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready/workers", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def wait_ready(self) -> None:
        eventually(lambda: self.is_ready() or self.has_ended(), READY_S, "the instance is ready")
        assert not self.has_ended(), self.log

    def has_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def processes(self, *words: str) -> set[int]:
        """Return the processes of this instance whose command line contains all the words."""
        return {pid for pid, command in _processes(self.home) if all(word in command for word in words)}

    def clean_up(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        postgres.stop(self.home)
        valkey.stop(self.home)
        for pid in self.processes():
            with suppress(ProcessLookupError):  # the process has ended meanwhile
                os.kill(pid, signal.SIGKILL)
        homes.remove_short_folder(self.home)
        shutil.rmtree(self.folder, ignore_errors=True)


def eventually(condition: Callable[[], bool], timeout_s: float, what: str) -> float:
    """Wait until a condition is true, and return how long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def new_up() -> Iterator[Up]:
    folder = Path(tempfile.mkdtemp(prefix="puras-up-"))
    folder.chmod(0o755)
    instance = Up(folder, free_port())
    try:
        yield instance
    finally:
        instance.clean_up()


def _processes(home: Path) -> Iterator[tuple[int, str]]:
    mark = f"PURAS_HOME={home}\0".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            is_ours = mark in (folder / "environ").read_bytes() + b"\0" or f"{home}/" in command
        except OSError:
            continue
        if is_ours and command:
            yield int(folder.name), command
