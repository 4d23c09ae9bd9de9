"""From the end of a process to the outcome of its job."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, Final

from backend.execution.events.types import LogEvent
from workers.sandbox.guest import wire
from workers.sandbox.host.exit_status import CLOSED, Answer, Ending, Silent, Stopped
from workers.sandbox.isolation.watchdog import Watched
from workers.types import Failure, Measured, Outcome, Recorder, Success

_PROCESSORS: Final = os.cpu_count() or 1
_MEMORY_KB: Final = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 10
_CODES_OF_CHILDREN: Final = frozenset(
    {
        "exception",
        "memory_limit",
        "disk_limit",
        "process_limit",
        "output_limit",
        "exited",
        "bad_result",
        "bad_entrypoint",
    }
)


@dataclass(slots=True)
class Meter:
    """What one run has used so far."""

    began: float
    watched: Watched | None = None
    forked: float | None = None
    """When its process came to be, which may have imported the skill before the job began."""

    def read(self, said: dict[str, Any] | None = None) -> Measured:
        """The use until now: the process's own numbers where they are larger than what was seen from outside.

        They come from tenant code: no process computes longer than all processors, or has more memory than the machine.
        """
        now = time.monotonic()
        cpu_s = self.watched.cpu_s if self.watched else 0.0
        peak_bytes = self.watched.peak_memory_bytes if self.watched else 0
        if said is not None:
            since = self.began if self.forked is None else self.forked
            cpu_s = max(cpu_s, _number(said.get("cpu_s"), (now - since) * _PROCESSORS))
            peak_bytes = max(peak_bytes, int(_number(said.get("peak_kb"), _MEMORY_KB)) << 10)
        return Measured(now - self.began, round(cpu_s, 6), round(peak_bytes / (1 << 20), 1))


def outcome_of(ending: Ending, meter: Meter, recorder: Recorder, *, parent_is_lost: bool) -> Outcome:
    """What the job's end means; a traceback of its own code is recorded."""
    if isinstance(ending, Stopped):
        return Failure(ending.code, ending.message, meter.read())
    if isinstance(ending, Silent):
        return _died(ending, meter.read(), parent_is_lost=parent_is_lost)
    return _answered(ending, meter, recorder)


def _answered(answer: Answer, meter: Meter, recorder: Recorder) -> Outcome:
    body = answer.body
    measured = meter.read(body)
    if body.get("type") == "value" and "value" in body:
        return Success(body["value"], measured)
    code, message, trace = body.get("code"), body.get("message"), body.get("trace")
    if not isinstance(code, str) or code not in _CODES_OF_CHILDREN or not isinstance(message, str):
        return Failure(
            "crashed", "The process of the job answered with what the runner does not know.", measured
        )
    if isinstance(trace, str) and trace:
        recorder.record(LogEvent(stream="stderr", text=trace))
    return Failure(code, message, measured)


def _died(ending: Silent, measured: Measured, *, parent_is_lost: bool) -> Failure:
    end = ending.exit
    if end is None or (parent_is_lost and end.signal is not None):
        what = "The job's sandbox ended under it: another job of the skill, or its import, may have ended it."
        return Failure("crashed", what, measured)
    if end.signal is None and end.code == wire.MUTE:
        return Failure(*CLOSED, measured)
    if end.signal is None:
        what = (
            f"The function ended its process with exit code {end.code} instead of returning a value: return the "
            "result, or raise an exception that says what is wrong."
        )
        return Failure("exited", what, measured)
    name = _signal_name(end.signal)
    hint = "; the machine may have been out of memory" if name == "SIGKILL" else ""
    what = (
        f"The job's process was ended by {name}{hint}: run it with smaller inputs, or look for the native code that "
        "crashes."
    )
    return Failure("crashed", what, measured)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _number(value: Any, at_most: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(min(value, at_most)) if is_number and value >= 0 else 0.0
