"""Return what an attempt has used: as numbers for its job, and as a priced line item."""

from __future__ import annotations

from typing import Any

from backend.execution.jobs.tables import SIMULATED, SIMULATED_STEPS
from backend.money.ledger.service import LineItem
from backend.money.pricing import NANOS_PER_MICRO, PriceList
from workers.attempt.attempt import Attempt
from workers.types import Measured


def usage_of(measured: Measured) -> dict[str, Any]:
    """Return the numbers that a job shows, and whether the steps of a flow were simulated."""
    simulated = (
        {"label": SIMULATED, "simulated_from": SIMULATED_STEPS} if measured.has_simulated_steps else {}
    )
    return {
        "wall_s": round(measured.wall_s, 4),
        "cpu_s": round(measured.cpu_s, 4),
        "peak_memory_mb": round(measured.peak_memory_mb, 1),
        **simulated,
    }


def compute_used(attempt: Attempt, wall_s: float) -> tuple[LineItem, ...]:
    """Return what the seconds of a function cost; those of an agent cost nothing, since it waits for its model."""
    micros = PriceList.of(attempt.context.settings).compute_micros(wall_s)
    if not micros or attempt.job_attempt.type in ("agentic", "flow"):
        return ()
    return (LineItem("compute", {"seconds": round(wall_s, 4)}, micros * NANOS_PER_MICRO, micros),)
