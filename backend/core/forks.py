"""Fork processes that have their modules already, from a process with one thread and no connections."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from backend.core.bootstrap import program_of
from backend.core.process_title import show_command

CAN_FORK: Final = sys.platform == "linux"
"""Whether processes are forked. On macOS, system libraries can fail in a process that was forked and not executed."""
_WAIT_POLL_S: Final = 0.02


class Forked:
    """A forked child of this process, with the part of the interface of `subprocess.Popen` that the pool uses."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while the process runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        while (code := self.poll()) is None:
            time.sleep(_WAIT_POLL_S)
        return code

    def terminate(self) -> None:
        """Send SIGTERM to the process if it runs."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL to the process if it runs."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def threads() -> int:
    """Return the number of threads of this process, including those of native libraries."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def fork(handled: Collection[signal.Signals]) -> int:
    """Fork this process, and return the process ID of the child, or 0 in the child.

    Args:
        handled: The signals that this process handles. The child handles them in the default way, from its start.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    try:
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for number in handled:
                default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                signal.signal(number, default)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def run_program(entry: str, *arguments: str) -> int:
    """Run in this forked process what `python -m entry arguments` runs, and return its exit code."""
    show_command(entry, *arguments)
    sys.argv = [entry, *arguments]
    return program_of(entry).run()
