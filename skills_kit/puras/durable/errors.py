"""Define the errors of durable steps."""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar

_MAX_MESSAGE_CHARACTERS = 4_000
_MAX_ARGS_CHARACTERS = 16_000


class StepError(Exception):
    """A durable step could not run, or its outcome could not be stored."""

    puras_error_code: ClassVar[str] = "exception"
    """The error code of the job if the function does not handle the error."""


class StepOutcomeUnknown(StepError):
    """A step with `once=True` had started when the worker was lost, so it may or may not have had its effect."""

    puras_error_code = "step_outcome_unknown"


class StepMismatch(StepError):
    """The function called another step than the one that it called at this position when it ran before."""

    puras_error_code = "step_mismatch"


class StepLimitExceeded(StepError):
    """The job has too many steps, or a result is too large."""

    puras_error_code = "step_limit_exceeded"


class StepFailed(StepError):
    """A step failed in an earlier run of the function, with an error whose class cannot be created again."""


class StepTimeout(StepError, TimeoutError):
    """The function of a step ran longer than its `timeout_s`."""


class EventTimeout(StepError, TimeoutError):
    """No event arrived within the `timeout_s` of `wait_for_event`."""


_BY_CODE: dict[str, type[StepError]] = {
    one.puras_error_code: one for one in (StepOutcomeUnknown, StepMismatch, StepLimitExceeded)
}


def of_code(code: str, message: str) -> StepError:
    """Return the error that the worker reports with this code."""
    return _BY_CODE.get(code, StepError)(message)


def describe(error: Exception) -> dict[str, Any]:
    """Return what is stored of the error of a step: enough to raise an equal one when the function runs again."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception of a skill may fail to print
        message = ""
    described: dict[str, Any] = {
        "module": type(error).__module__,
        "type": type(error).__qualname__,
        "message": message[:_MAX_MESSAGE_CHARACTERS],
    }
    try:
        args = json.dumps(list(error.args), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return described
    return {**described, "args": list(error.args)} if len(args) <= _MAX_ARGS_CHARACTERS else described


def restored(name: str, described: dict[str, Any]) -> Exception:
    """Return an error as the step raised it, or `StepFailed` if its class is not loaded or has other parameters."""
    found: Any = sys.modules.get(str(described.get("module")))
    for part in str(described.get("type")).split("."):
        found = getattr(found, part, None)
    if isinstance(found, type) and issubclass(found, Exception) and "args" in described:
        try:
            error = found(*described["args"])
        except Exception:  # noqa: BLE001 - the constructor has other parameters
            error = None
        if error is not None and hasattr(error, "add_note"):
            error.add_note(f"Step {name!r} failed with this error in an earlier run of the function.")
        if error is not None:
            return error
    return StepFailed(f"Step {name!r} failed: {described.get('type')}: {described.get('message')}")
