"""Evaluate a skill's guardrails for one value, except those that run in a sandbox.

A guardrail that fails, or gets a value that is too large, blocks it: only evaluated values pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from backend.core import logs
from backend.skills.guardrails.matching import CannotJudgeError, Matched, matcher_of
from backend.skills.manifest.types import Rail, RailAction, RailPoint

log = logs.get(__name__)

SMALL_CHARACTERS: Final = 4_000
"""Values of up to this many characters are evaluated immediately; larger ones in a thread."""


_JUDGES: Final = ThreadPoolExecutor(2, thread_name_prefix="rails")
"""Few threads, so that large values delay only other large values."""


class Decided(NamedTuple):
    """The decision of one guardrail, since it found something or could not evaluate the value."""

    rail: Rail
    action: RailAction
    matched: Matched
    failed: str = ""
    """The reason why it could not evaluate the value: `broken`, `timeout` or `too_large`."""


@dataclass(slots=True)
class Judgement:
    """The decisions of all guardrails of one point about a value."""

    value: Any
    """The value after redaction."""
    decided: list[Decided] = field(default_factory=list)

    @property
    def blocked(self) -> Decided | None:
        """The first decision that blocks the value."""
        return next((one for one in self.decided if one.action == "block"), None)

    @property
    def asks(self) -> list[Decided]:
        """Decisions that require an approval."""
        return [one for one in self.decided if one.action == "approve"]


def rails_at(rails: Iterable[Rail], where: RailPoint, tool: str | None = None) -> list[Rail]:
    """Return the guardrails of a point.

    Those that redact come first, so that the others get the redacted value.
    """
    there = [
        rail for rail in rails if where in rail.on and (not rail.tools or tool is None or tool in rail.tools)
    ]
    return sorted(there, key=lambda rail: rail.action != "redact")


async def judge(rails: Sequence[Rail], value: Any) -> Judgement:
    """Return the decisions of the guardrails, except those whose check is a function."""
    plain = [rail for rail in rails if rail.entrypoint is None]
    if not plain:
        return Judgement(value)
    if _is_small(value):
        return judged(plain, value)
    return await asyncio.get_running_loop().run_in_executor(_JUDGES, judged, plain, value)


def judged(rails: Sequence[Rail], value: Any) -> Judgement:
    """Evaluate the guardrails immediately, in the current thread."""
    judgement = Judgement(value)
    for rail in rails:
        decided, left = _decided(rail, judgement.value)
        if decided is not None:
            judgement.decided.append(decided)
            if decided.action == "redact":
                judgement.value = left
    return judgement


def _decided(rail: Rail, value: Any) -> tuple[Decided | None, Any]:
    """Return the decision of one guardrail, and the value after redaction."""
    if rail.criteria is not None:  # of an older manifest: no guardrail is evaluated by a model
        return Decided(rail, "block", {}, "broken"), value
    try:
        examined = matcher_of(rail).examine(value)
    except CannotJudgeError:
        return Decided(rail, "block", {}, "too_large"), value
    except Exception as error:  # noqa: BLE001 - fail closed, whatever it is
        log.warning("guardrail failed and blocks the value", rail=rail.name, error=type(error).__name__)
        return Decided(rail, "block", {}, "broken"), value
    return (Decided(rail, rail.action, examined.matched) if examined.matched else None), examined.value


def without(rails: Iterable[Rail], value: Any) -> Any:
    """Return the value without anything that these guardrails find, whatever their action.

    Return nothing if one of them fails.
    """
    for rail in rails:
        try:
            value = matcher_of(rail).examine(value).value
        except Exception:  # noqa: BLE001 - fail closed, whatever it is
            return "[withheld]" if isinstance(value, str) else {"withheld": True}
    return value


def _is_small(value: Any) -> bool:
    left, waiting = SMALL_CHARACTERS, [value]
    while waiting and left > 0:
        inner = waiting.pop()
        if isinstance(inner, str):
            left -= len(inner)
        elif isinstance(inner, dict):
            left -= len(inner)
            waiting += [part for pair in inner.items() for part in pair]
        elif isinstance(inner, list | tuple):
            left -= len(inner)
            waiting += inner
    return left > 0
