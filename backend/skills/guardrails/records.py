"""Decide what the records of a job hide: text that a guardrail on the result redacts or blocks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from backend.skills.guardrails.evaluation import rails_at, without
from backend.skills.manifest.types import Rail


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is hidden; false if nothing is."""

    masks: tuple[Rail, ...] = ()
    """Guardrails whose matches are redacted."""
    withholds_replies: bool = False
    """A guardrail can only block, not redact: nothing that may become the result is shown."""

    def __bool__(self) -> bool:
        return bool(self.masks) or self.withholds_replies

    def masked(self, value: Any) -> Any:
        """Return a value without the matches of the guardrails."""
        return without(self.masks, value)


def hidden_in_records(rails: Iterable[Rail]) -> Hidden:
    """Return what these guardrails of a skill hide."""
    stopping = [rail for rail in rails_at(rails, "output") if rail.action != "flag"]
    masks = tuple(rail for rail in stopping if can_mask(rail))
    return Hidden(masks, len(masks) < len(stopping))


def can_mask(rail: Rail) -> bool:
    """Return whether a guardrail finds parts of a text, which can be redacted."""
    return bool(rail.pattern or rail.pii or rail.words)
