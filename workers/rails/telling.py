"""What events, logs and errors say of a job whose skill has rails on its output: nothing that they do not let out."""

from __future__ import annotations

from typing import Any, Final

from backend.bundles.manifest import Skill
from backend.rails.judging import rails_at, without

_LINE_CHARACTERS: Final = 16_000
"""A line that is longer is told in pieces."""
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
"""Facts that are ours."""
FINISH: Final = "set_output"


class Telling:
    """Takes out of what is told what the output rails of a skill take out of, or stop in, its result."""

    def __init__(self, skill: Skill) -> None:
        stopping = [rail for rail in rails_at(skill.rails, "output") if rail.action != "flag"]
        self._masks = [rail for rail in stopping if rail.pattern or rail.pii or rail.words]
        self._withholds = len(self._masks) < len(stopping)
        """One of them says yes or no only: nothing that may become the result is told."""

    @property
    def is_needed(self) -> bool:
        """Whether anything has to be taken out."""
        return bool(self._masks) or self._withholds

    def payload(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What an event of a kind may say."""
        if not self.is_needed or kind == "rail":
            return payload
        if self._withholds:
            payload = _withheld(kind, payload)
        return {
            name: value if _is_plain(name, value) else without(self._masks, value)
            for name, value in payload.items()
        }

    def text(self, text: str) -> str:
        """A text that is told as a whole."""
        masked: str = without(self._masks, text)
        return masked

    def lines(self) -> Lines:
        """For a text that comes in pieces."""
        return Lines(self)


class Lines:
    """Tells a text line by line, so that what is to be taken out is not cut in two."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be told by now."""
        if not self._telling.is_needed:
            return piece
        text = self._held + piece
        end = text.rfind("\n") + 1 or (len(text) if len(text) > _LINE_CHARACTERS else 0)
        self._held = text[end:]
        return self._telling.text(text[:end]) if end else ""

    def end(self) -> str:
        """The rest, now that nothing follows it."""
        held, self._held = self._held, ""
        return self._telling.text(held) if held else ""


def _is_plain(name: str, value: Any) -> bool:
    return name in _PLAIN or value is None or isinstance(value, int | float)


def _withheld(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    if kind == "model_response" and "blocks" in payload:
        kept = {name: value for name, value in payload.items() if name != "blocks"}
        return {**kept, "blocks_withheld": "rails"}
    if kind == "tool_use" and payload.get("name") == FINISH:
        kept = {name: value for name, value in payload.items() if name != "input"}
        return {**kept, "input_withheld": "rails"}
    return payload
