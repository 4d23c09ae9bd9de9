"""Redact the run of a listing for its caller, who may read progress, cost and result.

The code, the prompt and the content of the run belong to the publisher. Events are redacted before they are stored, by
a list of the allowed fields.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from backend.data.secrets.scrub import Scrubber
from backend.execution.events.append import EncodedEvent
from backend.execution.jobs.attempts.finish import AttemptResult

_VISIBLE_FIELDS: Final[dict[str, frozenset[str] | None]] = {
    "agent_start": frozenset({"skill", "model", "label", "has_output_schema", "resumed", "limits", "phases"}),
    "model_response": frozenset(
        {
            *("step", "model", "stop_reason", "input_tokens", "output_tokens", "cache_creation_input_tokens"),
            *("cache_read_input_tokens", "billed_micros", "cache_hit", "duration_ms", "label"),
        }
    ),
    "model_retry": frozenset({"step"}),
    "model_failover": frozenset({"step", "reason"}),
    "resumed": frozenset({"from_step", "phases"}),
    "sandbox": None,
    "function_start": frozenset({"name", "phases"}),
    "progress": None,
    "limits": None,
    "timeout": None,
    "cost_capped": None,
    "approval_required": None,
    "waiting": None,
}
"""The fields that are stored of each event; none: all. Other events are dropped."""

SAFE_CODES: Final = frozenset(
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
            "quota_reached",
            "input_file_changed",
            "input_files_too_large",
        ),
        *("input_files_too_many", "attachment_refused", "sandbox_unavailable", "storage_unavailable"),
        *("cancelled", "worker_lost"),
    }
)
"""Codes of errors whose message comes from the platform and contains no data of the run."""


def visible_to_caller(event: EncodedEvent) -> EncodedEvent | None:
    """Return the event as the caller may read it; none if the event is hidden."""
    if event.type == "log":
        return event if event.payload.get("stream") == "system" else None
    if event.type not in _VISIBLE_FIELDS:
        return None
    names = _VISIBLE_FIELDS[event.type]
    if names is None:
        return event
    payload: dict[str, Any] = {name: value for name, value in event.payload.items() if name in names}
    return EncodedEvent(event.type, payload, event.ts)


def redacted(result: AttemptResult, scrubber: Scrubber) -> AttemptResult:
    """Return the result as the caller may read it: without the publisher's secrets and the text of errors."""
    if result.status == "succeeded":
        return replace(result, result=scrubber.scrub(result.result))
    return replace(result, result=None, error=_error_text(result.error_code, result.error))


def _error_text(code: str | None, error: str | None) -> str | None:
    if error is None or code in SAFE_CODES:
        return error
    return (
        f"The listing failed ({code}). The error message of its code is only visible to the publisher. The "
        "price is not charged. Check the inputs, or report the code to the publisher."
    )
