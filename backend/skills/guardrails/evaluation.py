"""The judgement of a skill's rails over one value, without what has to run in a sandbox.

A rail that breaks, or is given more than it can judge, blocks: nothing passes that was not judged.
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
"""A value that is written in so few is judged at once; larger ones in a thread of their own."""


_JUDGES: Final = ThreadPoolExecutor(2, thread_name_prefix="rails")
"""Few, so that whoever sends much to be judged holds up others who do, and nobody else."""


class Decided(NamedTuple):
    """What one rail decided; it did so because it found something, or could not judge."""

    rail: Rail
    action: RailAction
    matched: Matched
    failed: str = ""
    """Why it could not judge: `broken`, `timeout` or `too_large`."""


@dataclass(slots=True)
class Judgement:
    """What all rails of one place decided about a value."""

    value: Any
    """Without what was redacted."""
    decided: list[Decided] = field(default_factory=list)

    @property
    def blocked(self) -> Decided | None:
        """The first decision that lets it not pass."""
        return next((one for one in self.decided if one.action == "block"), None)

    @property
    def asks(self) -> list[Decided]:
        """Decisions that a person has to agree to."""
        return [one for one in self.decided if one.action == "approve"]


def rails_at(rails: Iterable[Rail], where: RailPoint, tool: str | None = None) -> list[Rail]:
    """The rails of a place: those that redact first, so that the others see what is left."""
    there = [
        rail for rail in rails if where in rail.on and (not rail.tools or tool is None or tool in rail.tools)
    ]
    return sorted(there, key=lambda rail: rail.action != "redact")


async def judge(rails: Sequence[Rail], value: Any) -> Judgement:
    """What the rails decide, but for those whose check is a function."""
    plain = [rail for rail in rails if rail.entrypoint is None]
    if not plain:
        return Judgement(value)
    if _is_small(value):
        return judged(plain, value)
    return await asyncio.get_running_loop().run_in_executor(_JUDGES, judged, plain, value)


def judged(rails: Sequence[Rail], value: Any) -> Judgement:
    """The same, at once."""
    judgement = Judgement(value)
    for rail in rails:
        decided, left = _decided(rail, judgement.value)
        if decided is not None:
            judgement.decided.append(decided)
            if decided.action == "redact":
                judgement.value = left
    return judgement


def _decided(rail: Rail, value: Any) -> tuple[Decided | None, Any]:
    """What the rail decides, and what it leaves of the value."""
    if rail.criteria is not None:  # of an older manifest: nothing here judges by a model
        return Decided(rail, "block", {}, "broken"), value
    try:
        examined = matcher_of(rail).examine(value)
    except CannotJudgeError:
        return Decided(rail, "block", {}, "too_large"), value
    except Exception as error:  # noqa: BLE001 - fail closed, whatever it is
        log.warning("a rail broke, and blocks", rail=rail.name, error=type(error).__name__)
        return Decided(rail, "block", {}, "broken"), value
    return (Decided(rail, rail.action, examined.matched) if examined.matched else None), examined.value


def without(rails: Iterable[Rail], value: Any) -> Any:
    """The value without what any of these rails finds, whatever they do; nothing of it when one cannot tell."""
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
