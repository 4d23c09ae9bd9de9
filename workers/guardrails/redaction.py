"""Redact events, logs and errors of a job by its skill's guardrails on outputs and tool results."""

from __future__ import annotations

from typing import Any, Final

from backend.skills.guardrails.evaluation import rails_at, without
from backend.skills.guardrails.records import can_mask, hidden_in_records
from backend.skills.manifest.types import Skill

_LINE_CHARACTERS: Final = 16_000
"""A longer line is recorded in parts."""
_PLAIN: Final = frozenset(
    {
        "step",
        "tool",
        "tool_use_id",
        "name",
        "model",
        "stop_reason",
        "skill",
        "kind",
        "module",
        "func",
        "stream",
    }
    | {"memory_id", "memory_ids", "code", "label", "reason", "from", "to", "worker", "layers", "status"}
)
"""Fields with values of the platform, which are not redacted."""
FINISH: Final = "set_output"


class EventRedactor:
    """Redacts recorded text of a job as the guardrails of its skill redact or block it in results."""

    def __init__(self, skill: Skill) -> None:
        hidden = hidden_in_records(skill.rails)
        self._masks, self._withholds = list(hidden.masks), hidden.withholds_replies
        self._log_masks = [*self._masks]
        """Guardrails that also apply to the output of tools, which the model does not get either."""
        for rail in rails_at(skill.rails, "retrieval"):
            if rail.action != "flag" and can_mask(rail) and rail not in self._masks:
                self._log_masks.append(rail)

    @property
    def is_needed(self) -> bool:
        """Whether anything is redacted."""
        return bool(self._log_masks) or self._withholds

    @property
    def hides_partial_text(self) -> bool:
        """Whether text of the model is recorded only once it is complete."""
        return bool(self._masks) or self._withholds

    @property
    def lines_of_a_match(self) -> int:
        """The maximum lines of one match: a phrase may have a line break between any two of its words."""
        phrases = [phrase.split() for rail in self._log_masks for phrase in rail.words]
        return max((len(words) for words in phrases), default=1)

    def payload(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Return what an event of a kind may contain."""
        masks = self._log_masks if kind == "log" else self._masks
        if kind == "rail" or not (masks or self._withholds):
            return payload
        if self._withholds:
            payload = _withheld(kind, payload)
        return {
            name: value if _is_plain(name, value) else without(masks, value)
            for name, value in payload.items()
        }

    def text(self, text: str) -> str:
        """Return what a log or an error may contain of a text."""
        masked: str = without(self._log_masks, text)
        return masked

    def lines(self) -> Lines:
        """Return a redactor of text that arrives in pieces."""
        return Lines(self)


class Lines:
    """Redacts text line by line, and delays as many lines as the start of a match can cover."""

    def __init__(self, redactor: EventRedactor) -> None:
        self._redactor = redactor
        self._overlap = redactor.lines_of_a_match - 1
        self._partial = ""
        """The last line, until it is complete."""
        self._pending = ""
        """Complete lines, redacted, which may start a match that continues."""

    def feed(self, chunk: str) -> str:
        """Return the text that can be recorded now."""
        if not self._redactor.is_needed:
            return chunk
        text = self._partial + chunk
        end = text.rfind("\n") + 1 or (len(text) if len(text) > _LINE_CHARACTERS else 0)
        self._partial = text[end:]
        if not end:
            return ""
        masked = self._redactor.text(self._pending + text[:end])
        cut = _start_of_last_lines(masked, self._overlap)
        self._pending = masked[cut:]
        return masked[:cut]

    def end(self) -> str:
        """Return the rest."""
        text, self._pending, self._partial = self._pending + self._partial, "", ""
        return self._redactor.text(text) if text else ""


def _start_of_last_lines(text: str, count: int) -> int:
    """Return where the last lines of a text that are not blank start; its end if they are too long to be held."""
    at = len(text)
    while count and at and len(text) - at <= _LINE_CHARACTERS:
        at = text.rfind("\n", 0, at - 1) + 1
        count -= bool(text[at:].split("\n", 1)[0].strip())
    return at if len(text) - at <= _LINE_CHARACTERS else len(text)


def _is_plain(name: str, value: Any) -> bool:
    return name in _PLAIN or value is None or isinstance(value, int | float)


def _withheld(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    if kind == "model_response" and "blocks" in payload:
        fields = {name: value for name, value in payload.items() if name != "blocks"}
        return {**fields, "blocks_withheld": "rails"}
    if kind == "tool_use" and payload.get("name") == FINISH:
        fields = {name: value for name, value in payload.items() if name != "input"}
        return {**fields, "input_withheld": "rails"}
    return payload
