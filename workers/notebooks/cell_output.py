"""Collect the outputs of a cell in the notebook format (nbformat 4), limited in size.

They come from the sandbox and are not trusted: only text and images of known types are accepted.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from backend.core.jsonb import flattened

MAX_TEXT_CHARACTERS: Final = 300_000
"""Maximum of the text that one cell prints."""
MAX_CHARACTERS: Final = 2_500_000
"""Maximum of all outputs of one cell, as JSON."""
MAX_OUTPUTS: Final = 200
_MAX_LINE_CHARACTERS: Final = 20_000
"""Maximum of one line of a traceback, and of the name and the message of an error."""
_MAX_TRACEBACK_LINES: Final = 200
_TEXTS: Final = (
    "text/plain",
    "text/html",
    "text/markdown",
    "text/latex",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "image/gif",
)
_VALUES: Final = ("application/json", "application/vnd.puras.skill+json")
_OVERWRITTEN: Final = re.compile(r"[^\n\r]*\r(?=[^\n\r])")
"""Text that a progress bar has overwritten."""

Output = dict[str, Any]


class CellOutput:
    """The outputs of one run of one cell."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.count: int | None = None
        self.is_new = False
        """Whether outputs arrived since it was last set to False."""
        self.is_full = False
        """Whether outputs were omitted."""
        self._shown: dict[str, Output] = {}
        self._characters = 0
        self._text_characters = 0
        self._clears_first = False

    def add(self, message: dict[str, Any]) -> None:
        """Add a message of the kernel about the cell."""
        kind = message.get("type")
        if kind == "count" and type(message.get("count")) is int:
            self.count = max(0, min(message["count"], 2**31 - 1))
        elif kind == "clear":
            self._clear(waits=bool(message.get("wait")))
        elif kind == "output" and isinstance(message.get("output"), dict):
            self._add(message["output"])
        else:
            return
        self.is_new = True

    def note(self, text: str) -> None:
        """Add a note of the runtime."""
        self.outputs.append({"output_type": "stream", "name": "stderr", "text": f"{text}\n"})
        self.is_new = True

    def _clear(self, *, waits: bool) -> None:
        self._clears_first = waits
        if not waits:
            self.outputs, self._shown, self.is_full = [], {}, False
            self._characters = self._text_characters = 0

    def _add(self, message: dict[str, Any]) -> None:
        if self._clears_first:
            self._clear(waits=False)
        kind = message.get("output_type")
        if kind == "stream":
            self._print(
                "stderr" if message.get("name") == "stderr" else "stdout", _as_text(message.get("text"))
            )
        elif kind == "error":
            self._append(_error(message))
        elif kind in ("display_data", "update_display_data", "execute_result"):
            self._show(str(kind), message)

    def _print(self, name: str, text: str) -> None:
        remaining = MAX_TEXT_CHARACTERS - self._text_characters
        if remaining <= 0:
            self._note_full()
            return
        self._text_characters += len(text)
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") == "stream" and last.get("name") == name and not self.is_full:
            before = last["text"]
            last["text"] = _without_overwritten(before + text[:remaining])
            self._text_characters -= max(0, len(before) + min(len(text), remaining) - len(last["text"]))
        else:
            self._append(
                {"output_type": "stream", "name": name, "text": _without_overwritten(text[:remaining])}
            )
        if len(text) > remaining:
            self._note_full()

    def _show(self, kind: str, message: dict[str, Any]) -> None:
        data = _data(message.get("data"))
        if not data:
            return
        transient = message.get("transient")
        display_id = str(transient.get("display_id") or "") if isinstance(transient, dict) else ""
        earlier = self._shown.get(display_id)
        if kind == "update_display_data":
            if earlier is not None and self._reserve(data):
                earlier["data"] = data
            return
        output: Output = {"output_type": kind, "data": data, "metadata": {}}
        if kind == "execute_result":
            output["execution_count"] = self.count
        if self._append(output) and display_id:
            self._shown[display_id] = output

    def _append(self, output: Output) -> bool:
        if len(self.outputs) >= MAX_OUTPUTS or not self._reserve(output):
            self._note_full()
            return False
        self.outputs.append(output)
        return True

    def _reserve(self, part: Any) -> bool:
        size = len(json.dumps(part))
        if self._characters + size > MAX_CHARACTERS:
            return False
        self._characters += size
        return True

    def _note_full(self) -> None:
        if not self.is_full:
            self.is_full = True
            self.note(
                f"[further output of the cell is omitted: more than {MAX_TEXT_CHARACTERS:,} characters of "
                f"text, {MAX_CHARACTERS:,} in total, or {MAX_OUTPUTS} outputs]"
            )


def _data(message: Any) -> dict[str, Any]:
    if not isinstance(message, dict):
        return {}
    data = {kind: _as_text(message[kind]) for kind in _TEXTS if kind in message}
    for kind in _VALUES:
        if isinstance(message.get(kind), (dict, list)):
            data[kind] = flattened(message[kind])
    return data


def _error(message: dict[str, Any]) -> Output:
    lines = message.get("traceback")
    lines = lines if isinstance(lines, list) else []
    return {
        "output_type": "error",
        "ename": _as_text(message.get("ename"))[:_MAX_LINE_CHARACTERS],
        "evalue": _as_text(message.get("evalue"))[:_MAX_LINE_CHARACTERS],
        "traceback": [_as_text(line)[:_MAX_LINE_CHARACTERS] for line in lines[-_MAX_TRACEBACK_LINES:]],
    }


def _as_text(message: Any) -> str:
    if isinstance(message, str):
        return message
    return "".join(map(str, message)) if isinstance(message, list) else str(message)


def _without_overwritten(text: str) -> str:
    return _OVERWRITTEN.sub("", text) if "\r" in text else text
