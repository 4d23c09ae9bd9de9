"""Derive the outcome of a job from the end of its process."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any, Final

from backend.execution.events.types import LogEvent
from backend.execution.jobs.failures.signature import innermost_frame
from workers.sandbox.guest import wire
from workers.sandbox.host.zygotes.exit_status import (
    CLOSED,
    NoResponse,
    ProcessEnd,
    Response,
    Stopped,
    Suspended,
)
from workers.sandbox.isolation.watchdog import Watched
from workers.types import Failure, Measured, Outcome, Recorder, Success

_PROCESSORS: Final = os.cpu_count() or 1
_MEMORY_KB: Final = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 10
SUSPENDED: Final = "suspended"
"""The code of an execution that waits without a process. It never becomes the error of a job."""
_CODES_OF_CHILDREN: Final = frozenset(
    {
        "step_limit_exceeded",
        "step_mismatch",
        "step_outcome_unknown",
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
    """The usage of one execution so far."""

    began: float
    watched: Watched | None = None
    forked: float | None = None
    """When its process was forked, which may have imported the skill before the job started."""

    def read(self, reported: dict[str, Any] | None = None) -> Measured:
        """Return the usage so far: the numbers that the process reports where they are larger than the measured ones.

        They come from tenant code, so they are limited to the CPU time and the memory of the host.
        """
        now = time.monotonic()
        cpu_s = self.watched.cpu_s if self.watched else 0.0
        peak_bytes = self.watched.peak_memory_bytes if self.watched else 0
        if reported is not None:
            since = self.began if self.forked is None else self.forked
            cpu_s = max(cpu_s, _number(reported.get("cpu_s"), (now - since) * _PROCESSORS))
            peak_bytes = max(peak_bytes, int(_number(reported.get("peak_kb"), _MEMORY_KB)) << 10)
        return Measured(now - self.began, round(cpu_s, 6), round(peak_bytes / (1 << 20), 1))


def outcome_of(process_end: ProcessEnd, meter: Meter, recorder: Recorder, *, zygote_is_lost: bool) -> Outcome:
    """Return the outcome of a job, and record the traceback of its code."""
    if isinstance(process_end, Stopped):
        return Failure(process_end.code, process_end.message, meter.read())
    if isinstance(process_end, Suspended):
        return Failure(SUSPENDED, "The job waits without a process.", meter.read())
    if isinstance(process_end, NoResponse):
        return _died(process_end, meter.read(), zygote_is_lost=zygote_is_lost)
    return _outcome_of_response(process_end, meter, recorder)


def _outcome_of_response(response: Response, meter: Meter, recorder: Recorder) -> Outcome:
    body = response.body
    measured = meter.read(body)
    if body.get("type") == "value" and "value" in body:
        return Success(body["value"], measured)
    code, message, trace = body.get("code"), body.get("message"), body.get("trace")
    if not isinstance(code, str) or code not in _CODES_OF_CHILDREN or not isinstance(message, str):
        return Failure(
            "crashed", "The process of the job sent a response that the runner does not know.", measured
        )
    if not isinstance(trace, str) or not trace:
        return Failure(code, message, measured)
    recorder.record(LogEvent(stream="stderr", text=trace))
    return Failure(code, message, measured, innermost_frame(trace))


def _died(process_end: NoResponse, measured: Measured, *, zygote_is_lost: bool) -> Failure:
    end = process_end.exit
    if end is None or (zygote_is_lost and end.signal is not None):
        what = (
            "The job's sandbox ended during the job: another job of the skill, or its import, may have "
            "ended it."
        )
        return Failure("crashed", what, measured)
    if end.signal is None and end.code == wire.MUTE:
        return Failure(*CLOSED, measured)
    if end.signal is None:
        what = (
            f"The function ended its process with exit code {end.code} instead of returning a value. Return "
            "the result, or raise an exception with a message."
        )
        return Failure("exited", what, measured)
    name = _signal_name(end.signal)
    hint = "; the host may have been out of memory" if name == "SIGKILL" else ""
    what = (
        f"The job's process was ended by {name}{hint}: run it with smaller inputs, or find the native code "
        "that crashes."
    )
    return Failure("crashed", what, measured)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _number(value: Any, maximum: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(min(value, maximum)) if is_number and value >= 0 else 0.0
