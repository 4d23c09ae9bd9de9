"""What a build says, told to every job that waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from workers.sandbox.packages.redaction import Hidden

Listener = Callable[[str], None]

_MAX_CHARACTERS: Final = 64 * 1024


class BuildLog:
    """Keeps what was said, up to an amount, and tells it to listeners that come late too."""

    def __init__(self, folders: Sequence[str] = (), hidden: Hidden | None = None) -> None:
        self._folders = folders
        self._hidden = hidden or Hidden()
        self._said: list[str] = []
        self._line = ""
        self._characters = 0
        self._listeners: list[Listener] = []

    @property
    def text(self) -> str:
        """All that was said."""
        return "".join(self._said) + self.clean(self._line)

    def listen(self, listener: Listener) -> None:
        """Tell the log from its beginning on."""
        for text in self._said:
            listener(text)
        self._listeners.append(listener)

    def clean(self, text: str) -> str:
        """Return whole lines without folders of the machine, credentials, and what a database cannot store."""
        text = self._hidden.clean(text.replace("\0", ""))
        for path in self._folders:
            text = text.replace(path, "")
        return text

    def tell(self, text: str) -> None:
        """Say something; it is told line by line, up to an amount."""
        if self._characters >= _MAX_CHARACTERS:
            return
        whole, newline, self._line = (self._line + text.replace("\r", "\n")).rpartition("\n")
        if (
            len(self._line) > _MAX_CHARACTERS
        ):  # and no sooner: in a part of a line no credential is recognized
            whole, self._line = whole + newline + self._line, ""
        self._tell(whole + newline)

    def flush(self) -> None:
        """Tell what is left of a line that did not end."""
        line, self._line = self._line, ""
        self._tell(line)

    def _tell(self, text: str) -> None:
        text = self.clean(text)[: _MAX_CHARACTERS - self._characters]
        if not text:
            return
        self._characters += len(text)
        self._said.append(text)
        for listener in self._listeners:
            listener(text)
