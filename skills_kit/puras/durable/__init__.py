"""Divide a function into durable steps: `from puras import step, sleep, wait_for_event, parallel, emit_event`.

The result of a step is stored before the next step starts. When the job starts again, after its worker was lost or
drained or after a wait, the function runs from its beginning, and finished steps return their stored results without
running again.
"""

from __future__ import annotations

from puras.durable.branches import parallel
from puras.durable.errors import (
    EventTimeout,
    StepError,
    StepFailed,
    StepLimitExceeded,
    StepMismatch,
    StepOutcomeUnknown,
    StepTimeout,
)
from puras.durable.local import stub_event
from puras.durable.steps import idempotency_key, step
from puras.durable.waits import Event, emit_event, sleep, wait_for_event

__all__ = [
    "Event",
    "EventTimeout",
    "StepError",
    "StepFailed",
    "StepLimitExceeded",
    "StepMismatch",
    "StepOutcomeUnknown",
    "StepTimeout",
    "emit_event",
    "idempotency_key",
    "parallel",
    "sleep",
    "step",
    "stub_event",
    "wait_for_event",
]
