"""Print one line per stage of the start for `up --quiet`, while the logs of all processes go to a file."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.config import Settings
from backend.core import logs

LOG_NAME = "up.log"


class Progress:
    """Writer of the lines of the stages; without a log file it writes nothing, because the logs are shown."""

    def __init__(self, log_file: Path | None = None) -> None:
        self.log_file = log_file
        self._open_line = ""

    @contextmanager
    def stage(self, name: str, result: str) -> Iterator[None]:
        """Print the name when the stage starts, and its result and duration on the same line when it ends."""
        started = time.monotonic()
        self._start_line(name)
        outcome = "failed"
        try:
            yield
            outcome = result
        except asyncio.CancelledError:
            outcome = "stopped"
            raise
        finally:
            if self._open_line != name:
                self._start_line(name)
            self._write(f"{outcome} ({time.monotonic() - started:.1f} s)\n")
            self._open_line = ""

    def note(self, message: str) -> None:
        """Print a message about the current stage on a line of its own."""
        self._write(f"{message}\n")
        self._open_line = ""

    def _start_line(self, name: str) -> None:
        self._write(f"{name} ... ")
        self._open_line = name

    def _write(self, text: str) -> None:
        if self.log_file is not None:
            sys.stdout.write(text)
            sys.stdout.flush()


@contextmanager
def quiet(settings: Settings) -> Iterator[Progress]:
    """Send what this process and its children write to stderr to `up.log` in the home; show it all on failure."""
    log_file = settings.home / LOG_NAME
    progress = Progress(log_file)
    terminal = os.dup(2)
    log = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)
    if settings.log_format == "auto":
        os.environ["PURAS_LOG_FORMAT"] = "console"  # for the children: users read the file
        logs.configure(settings.log_level, "console")
    try:
        yield progress
    except Exception:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        with log_file.open(encoding="utf-8", errors="replace") as written:
            shutil.copyfileobj(written, sys.stderr)
        sys.stderr.write(f"The logs of this start are in {log_file}.\n")
        raise
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
