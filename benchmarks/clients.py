"""Clients in a separate process that connects first, so that its start is not measured.

The process prints `ready` when it is connected, submits everything after the line `go`, and prints `done`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.temporary import marked

END_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Clients:
    """A process of clients that are connected."""

    process: subprocess.Popen[str]

    def submit_all(self) -> None:
        """Let the clients submit all their jobs; return when the last one is submitted.

        Raises:
            RuntimeError: a client failed.
        """
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        _expect(self.process, "done")


@contextmanager
def connected(folder: Path, module: str, *arguments: str) -> Iterator[Clients]:
    """Start a module of this package as clients, and wait until they are connected.

    Args:
        folder: The temporary folder with which the process must end.
        module: Name of the module in `benchmarks`.
        arguments: Its arguments.
    """
    with subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=marked(folder),
    ) as process:
        try:
            _expect(process, "ready")
            yield Clients(process)
            process.wait(END_S)
        finally:
            process.kill()


def report_ready_and_wait() -> None:
    """Report to the process that started this one that the clients are connected, and wait for `go`."""
    print("ready", flush=True)
    sys.stdin.readline()


def report_done() -> None:
    """Report to the process that started this one that all jobs are submitted."""
    print("done", flush=True)


def _expect(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if line != word:
        raise RuntimeError(f"the clients sent {line!r} instead of {word!r}: {process.args!r}")
