"""Run guardrails whose check is a function of the bundle.

`check(value, on, tool)` returns whether a value may pass. The function runs in the sandbox, as the skill's
own code does. Any error blocks the value, a timeout as well.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Protocol

from backend.core import logs
from backend.skills.guardrails.evaluation import Decided, Judgement, judge
from backend.skills.guardrails.matching import MAX_CHARACTERS
from backend.skills.manifest.types import Rail, RailPoint
from workers.types import Failure, Outcome, Success

log = logs.get(__name__)

_FAILED: Final = {"timeout": "timeout"}


class Checks(Protocol):
    """Runs the functions of the guardrails of one job."""

    async def run(self, rail: Rail, arguments: dict[str, Any]) -> Outcome:
        """Run the function of a guardrail with these arguments, for at most the guardrail's own time."""


async def judged_with_checks(
    rails: Sequence[Rail], value: Any, where: RailPoint, checks: Checks, *, tool: str | None = None
) -> Judgement:
    """Return the decisions of all guardrails.

    The functions receive the value that the others have redacted.
    """
    judgement = await judge(rails, value)
    for rail in rails:
        if rail.entrypoint is None or judgement.blocked is not None:
            continue
        decided = await _checked(rail, {"value": judgement.value, "on": where, "tool": tool}, checks)
        if decided is not None:
            judgement.decided.append(decided)
    return judgement


async def _checked(rail: Rail, arguments: dict[str, Any], checks: Checks) -> Decided | None:
    try:
        if len(json.dumps(arguments["value"], default=str)) > MAX_CHARACTERS:
            return Decided(rail, "block", {}, "too_large")
        outcome = await checks.run(rail, arguments)
    except Exception as error:  # noqa: BLE001 - fail closed, whatever it is
        log.warning("guardrail check failed and blocks the value", rail=rail.name, error=type(error).__name__)
        return Decided(rail, "block", {}, "broken")
    if isinstance(outcome, Failure):
        return Decided(rail, "block", {}, _FAILED.get(outcome.code, "broken"))
    passes = _passes(outcome)
    if passes is None:
        return Decided(rail, "block", {}, "broken")
    return None if passes else Decided(rail, rail.action, {"check": 1})


def _passes(outcome: Success) -> bool | None:
    """Return what the function returned; None if that was neither true nor false."""
    value = outcome.value
    if isinstance(value, dict):
        value = value.get("ok")
    return value if isinstance(value, bool) else None
