"""What the caller of a listing is told of its run: that it goes on, what it costs, how it ended.

The code, the prompt and all that is said within the run are the publisher's. What is not stored cannot be read by any
way, so it is left out here, before an event is written; and only what is listed is kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from backend.data.secrets.scrub import Scrubber
from backend.execution.events.append import EncodedEvent
from backend.execution.jobs.finish import AttemptResult

_TOLD: Final[dict[str, frozenset[str] | None]] = {
    "agent_start": frozenset({"skill", "model", "label", "has_output_schema", "resumed", "limits"}),
    "model_response": frozenset(
        {
            *("step", "model", "stop_reason", "input_tokens", "output_tokens", "cache_creation_input_tokens"),
            *("cache_read_input_tokens", "billed_micros", "cache_hit", "duration_ms", "label"),
        }
    ),
    "model_retry": frozenset({"step"}),
    "resumed": frozenset({"from_step"}),
    "sandbox": None,
    "function_start": frozenset({"name"}),
    "progress": None,
    "limits": None,
    "timeout": None,
    "cost_capped": None,
    "approval_required": None,
    "waiting": None,
}
"""What is kept of each event; none: all of it. Others are not told."""

OWN_WORDS: Final = frozenset(
    {
        *(
            "timeout",
            "memory_limit",
            "disk_limit",
            "process_limit",
            "output_limit",
            "cost_capped",
            "step_limit",
        ),
        *(
            "token_limit",
            "wallet_too_small",
            "budget_reached",
            "key_cap_reached",
            "api_key_ended",
            "drive_quota_reached",
            "input_file_changed",
            "input_files_too_large",
        ),
        *("input_files_too_many", "attachment_refused", "sandbox_unavailable", "storage_unavailable"),
        *("cancelled", "worker_lost"),
    }
)
"""Codes of errors whose sentence is ours, and tells nothing of what the run did."""


def told(event: EncodedEvent) -> EncodedEvent | None:
    """The event as the caller may read it, or nothing."""
    if event.type == "log":
        return event if event.payload.get("stream") == "system" else None
    if event.type not in _TOLD:
        return None
    names = _TOLD[event.type]
    if names is None:
        return event
    payload: dict[str, Any] = {name: value for name, value in event.payload.items() if name in names}
    return EncodedEvent(event.type, payload, event.ts)


def ending(whole: AttemptResult, scrubber: Scrubber) -> AttemptResult:
    """The end as the caller may read it: a result without the publisher's secrets, no words of code that failed."""
    if whole.status == "succeeded":
        return replace(whole, result=scrubber.scrub(whole.result))
    return replace(whole, result=None, error=_sentence(whole.error_code, whole.error))


def _sentence(code: str | None, error: str | None) -> str | None:
    if error is None or code in OWN_WORDS:
        return error
    return (
        f"The listing failed ({code}). What its code said is its publisher's; the price is not charged. Look at the "
        "inputs, or tell the publisher the code."
    )
