"""Measure the parts of an attempt in which no code of the skill runs, for the events that follow them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Final, Literal

from backend.core.tracing import spans
from backend.execution.events.types import OMITTED, Omitted

LEAST_MS: Final = 10.0
"""A shorter part is not recorded, so that the events of a fast job do not grow."""

Phase = Literal["load", "guardrails", "packages", "sandbox", "tools", "files", "store", "grade"]

_TRACED: Final[dict[Phase, str]] = {
    "guardrails": "check inputs",
    "store": "store files",
    "grade": "grade the result",
}
"""Parts of which the worker exports a span; `prepare`, `environment` and `sandbox start` have one of their own."""
_AT_THE_END: Final = frozenset({"store", "grade"})


class Phases:
    """The durations of the parts since the last event that recorded them."""

    def __init__(self) -> None:
        self._durations_ms: dict[str, float] = {}
        self._has_started = False

    def add(self, name: Phase, duration_s: float) -> None:
        """Add the duration of a part; preparations of tools, after the start, are parts of their calls."""
        if self._has_started and name not in _AT_THE_END:
            return
        self._durations_ms[name] = self._durations_ms.get(name, 0.0) + duration_s * 1000

    @property
    def total_ms(self) -> float:
        """The sum of the durations."""
        return sum(self._durations_ms.values())

    def take(self) -> dict[str, float] | Omitted:
        """Return the durations in milliseconds, in order, and forget them."""
        taken = {name: round(ms, 1) for name, ms in self._durations_ms.items() if ms >= LEAST_MS}
        self._durations_ms.clear()
        self._has_started = True
        return taken or OMITTED


_current: ContextVar[Phases | None] = ContextVar("phases", default=None)


def start() -> None:
    """Measure the parts of the attempt that the current task runs."""
    _current.set(Phases())


@contextmanager
def measured(name: Phase) -> Iterator[None]:
    """Measure a part of the attempt, without the parts within it."""
    mark = Mark()
    try:
        with spans.span(_TRACED[name]) if name in _TRACED else nullcontext():
            yield
    finally:
        mark.add(name)


class Mark:
    """The start of a part of the attempt."""

    def __init__(self) -> None:
        self._phases = _current.get()
        self._before_ms = self._phases.total_ms if self._phases else 0.0
        self._started = time.monotonic()

    def add(self, name: Phase) -> None:
        """Add the time since the start, without the parts that were added meanwhile."""
        if self._phases is not None:
            within_ms = self._phases.total_ms - self._before_ms
            self._phases.add(name, time.monotonic() - self._started - within_ms / 1000)


def add(name: Phase, duration_s: float) -> None:
    """Add the duration of a part of the attempt."""
    phases = _current.get()
    if phases is not None:
        phases.add(name, duration_s)


def take() -> dict[str, float] | Omitted:
    """Return the durations for an event; none outside of an attempt."""
    phases = _current.get()
    return OMITTED if phases is None else phases.take()
