"""Settings of the instances under test."""

from __future__ import annotations

from tests.doubles.messages import MessagesServer


def two_workers(upstream: MessagesServer) -> dict[str, str]:
    """Return settings with two workers of eight slots, a test double for every model, and a price for compute time."""
    return {
        "ANTHROPIC_BASE_URL": upstream.url,
        "ANTHROPIC_API_KEY": "sk-of-the-double",
        "PURAS_WORKER_PROCESSES": "2",
        "PURAS_WORKER_JOBS": "8",
        "PURAS_COMPUTE_MICROS_PER_SECOND": "1000",
    }
