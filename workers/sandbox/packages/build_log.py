"""What a build says, told to every job that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

Listener = Callable[[str], None]

_MAX_CHARACTERS: Final = 64 * 1024
_MAX_LINE: Final = 4096


class BuildLog:
    """Keeps what was said, up to an amount, and tells it to listeners that come late too."""

    def __init__(self, hidden: Sequence[str] = ()) -> None:
        self._hidden = hidden
        self._said: list[str] = []
        self._line = ""
        self._characters = 0
        self._listeners: list[Listener] = []

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._said) + self._line

    def listen(self, listener: Listener) -> None:
        """Tell the log from its beginning on."""
        for text in self._said:
            listener(text)
        self._listeners.append(listener)

    def clean(self, text: str) -> str:
        """The text without folders of the machine, and without what a database cannot store."""
        text = text.replace("\0", "")
        for path in self._hidden:
            text = text.replace(path, "")
        return text

    def tell(self, text: str) -> None:
        """Say something; it is told line by line."""
        whole, newline, self._line = (self._line + self.clean(text)).rpartition("\n")
        if len(self._line) > _MAX_LINE:
            whole, self._line = whole + newline + self._line, ""
        self._tell(whole + newline)

    def flush(self) -> None:
        """Tell what is left of a line that did not end."""
        line, self._line = self._line, ""
        self._tell(line)

    def _tell(self, text: str) -> None:
        if not text or self._characters + len(text) > _MAX_CHARACTERS:
            return
        self._characters += len(text)
        self._said.append(text)
        for listener in self._listeners:
            listener(text)
