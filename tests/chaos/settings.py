"""What the instances that are put under fire are told."""

from __future__ import annotations

from tests.doubles.messages import MessagesServer


def two_workers(upstream: MessagesServer) -> dict[str, str]:
    """Two worker processes of eight places, a double behind every model, and a price for time."""
    return {
        "ANTHROPIC_BASE_URL": upstream.url,
        "ANTHROPIC_API_KEY": "sk-of-the-double",
        "PURAS_WORKER_PROCESSES": "2",
        "PURAS_WORKER_JOBS": "8",
        "PURAS_COMPUTE_MICROS_PER_SECOND": "1000",
    }
