"""Bounds for code that reads untrusted bytes: CPU time and memory are limited, and nothing is executed or opened."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

MAX_CPU_S: Final = 6.0
"""The limit for one input; a valid bundle takes a while, but exponential backtracking takes hours."""
MAX_BYTES: Final = 96 << 20
"""The limit of allocated memory for one input of some kilobytes."""
CANARY: Final = Path(tempfile.gettempdir()) / f"puras-fuzz-{os.getpid()}"
"""The file that a seed creates if it is executed."""
_FORBIDDEN: Final = frozenset(
    {
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.spawn",
        "subprocess.Popen",
        "socket.connect",
        "pty.spawn",
    }
)


class TooSlowError(AssertionError):
    """Raised if one input exceeds the limit of CPU time."""


class ExecutedError(AssertionError):
    """Raised if an input has caused the execution of code."""


_touched: list[str] = []
_is_active = False


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_active and (event in _FORBIDDEN or (event == "open" and str(arguments[0]) == str(CANARY))):
        _touched.append(f"{event} {arguments!r}"[:300])


sys.addaudithook(_note)


@contextmanager
def bounded(*, measure_memory: bool = True) -> Iterator[None]:
    """Apply the bounds to the code in the block.

    Raises:
        TooSlowError: the block exceeds the CPU time.
        ExecutedError: the block starts a process, connects a socket or opens the canary file.
    """
    global _is_active
    before = signal.signal(signal.SIGVTALRM, _stop)
    _touched.clear()
    if measure_memory:
        tracemalloc.start()
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_CPU_S)
    _is_active = True
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] if measure_memory else 0
    finally:
        _is_active = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        tracemalloc.stop()
    assert peak < MAX_BYTES, f"{peak >> 20} MiB were allocated"
    if _touched or CANARY.exists():
        raise ExecutedError(_touched or CANARY)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlowError(f"more than {MAX_CPU_S} s of CPU time")
