"""Store the log of a build, and send it to all jobs that wait for the build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from workers.sandbox.packages.redaction import Hidden

Listener = Callable[[str], None]

_MAX_CHARACTERS: Final = 64 * 1024


class BuildLog:
    """Stores the log up to a maximum size, and sends it to listeners, also to those that join later."""

    def __init__(self, folders: Sequence[str] = (), hidden: Hidden | None = None) -> None:
        self._folders = folders
        self._hidden = hidden or Hidden()
        self._texts: list[str] = []
        self._line = ""
        self._characters = 0
        self._listeners: list[Listener] = []

    @property
    def text(self) -> str:
        """The complete log."""
        return "".join(self._texts) + self.clean(self._line)

    def listen(self, listener: Listener) -> None:
        """Send the log to a listener, from its start."""
        for text in self._texts:
            listener(text)
        self._listeners.append(listener)

    def clean(self, text: str) -> str:
        """Return complete lines without host folders, credentials, and characters that cannot be stored."""
        text = self._hidden.clean(text.replace("\0", ""))
        for path in self._folders:
            text = text.replace(path, "")
        return text

    def write(self, text: str) -> None:
        """Append text; it is published line by line, up to a maximum size."""
        if self._characters >= _MAX_CHARACTERS:
            return
        lines, newline, self._line = (self._line + text.replace("\r", "\n")).rpartition("\n")
        if (
            len(self._line) > _MAX_CHARACTERS
        ):  # not earlier: credentials are only recognized in complete lines
            lines, self._line = lines + newline + self._line, ""
        self._publish(lines + newline)

    def flush(self) -> None:
        """Publish an incomplete last line."""
        line, self._line = self._line, ""
        self._publish(line)

    def _publish(self, text: str) -> None:
        text = self.clean(text)[: _MAX_CHARACTERS - self._characters]
        if not text:
            return
        self._characters += len(text)
        self._texts.append(text)
        for listener in self._listeners:
            listener(text)
