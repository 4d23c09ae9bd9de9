"""What reading a stranger's bytes may take and touch: little time, little memory, nothing outside, nothing executed."""

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
"""Of one input, in which a bundle may be checked for a while; what tries every way takes hours."""
MAX_BYTES: Final = 96 << 20
"""Held at once for one input of some kilobytes."""
CANARY: Final = Path(tempfile.gettempdir()) / f"puras-fuzz-{os.getpid()}"
"""What every seed would write if it were executed."""
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
    """One input took more processor time than any may."""


class ExecutedError(AssertionError):
    """Bytes that were only to be read did something."""


_touched: list[str] = []
_is_watching = False


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _is_watching and (event in _FORBIDDEN or (event == "open" and str(arguments[0]) == str(CANARY))):
        _touched.append(f"{event} {arguments!r}"[:300])


sys.addaudithook(_note)


@contextmanager
def watched(*, measure_memory: bool = True) -> Iterator[None]:
    """Holds what happens inside to the bounds.

    Raises:
        TooSlowError: it took too long.
        ExecutedError: it started, opened or wrote something that is not its business.
    """
    global _is_watching
    before = signal.signal(signal.SIGVTALRM, _stop)
    _touched.clear()
    if measure_memory:
        tracemalloc.start()
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_CPU_S)
    _is_watching = True
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1] if measure_memory else 0
    finally:
        _is_watching = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        tracemalloc.stop()
    assert peak < MAX_BYTES, f"{peak >> 20} MiB were held"
    if _touched or CANARY.exists():
        raise ExecutedError(_touched or CANARY)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlowError(f"more than {MAX_CPU_S} s of processor time")
