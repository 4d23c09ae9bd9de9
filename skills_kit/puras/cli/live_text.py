"""Print the text that a model writes: a terminal cannot take back what it has shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LiveText:
    """The text of one reply, as far as it was printed."""

    def __init__(self) -> None:
        self.text = ""
        self._step: Any = None

    def clear(self) -> None:
        """Expect another reply."""
        self.text, self._step = "", None

    def rest(self, part: Mapping[str, Any]) -> tuple[str, bool]:
        """Return what is to be printed of a part, and whether it belongs on a new line, after another text.

        A part with `restart` has the whole text so far. After a broken connection, the beginning is printed already.
        """
        text, step = str(part.get("text") or ""), part.get("step")
        is_restart = bool(part.get("restart"))
        is_other = step != self._step or (is_restart and not text.startswith(self.text))
        before = "" if is_other else self.text
        is_new_line = is_other and bool(self.text)
        rest = text[len(before) :] if is_restart else text
        self._step, self.text = step, before + rest
        return rest, is_new_line
