"""What a cell gives, in the form that notebooks keep (nbformat 4), within bounds whatever the cell does.

It comes out of the sandbox: nothing but text and pictures of known kinds is passed on, and nothing of it is trusted.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from backend.core.jsonb import flattened

MAX_TEXT_CHARACTERS: Final = 300_000
"""Of what one cell prints."""
MAX_CHARACTERS: Final = 2_500_000
"""Of all that one cell gives, as JSON."""
MAX_OUTPUTS: Final = 200
_MAX_LINE_CHARACTERS: Final = 20_000
"""Of one line of a traceback, and of the name and the sentence of an error."""
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
"""What a progress bar has printed over."""

Output = dict[str, Any]


class Gathered:
    """The outputs of one run of one cell."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.count: int | None = None
        self.is_new = False
        """Whether something came since it was last set to False."""
        self.is_full = False
        """Whether something was left out."""
        self._shown: dict[str, Output] = {}
        self._characters = 0
        self._text_characters = 0
        self._clears_first = False

    def take(self, message: dict[str, Any]) -> None:
        """Take what the kernel says of the cell."""
        kind = message.get("type")
        if kind == "count" and type(message.get("count")) is int:
            self.count = max(0, min(message["count"], 2**31 - 1))
        elif kind == "clear":
            self._clear(waits=bool(message.get("wait")))
        elif kind == "output" and isinstance(message.get("output"), dict):
            self._put(message["output"])
        else:
            return
        self.is_new = True

    def note(self, text: str) -> None:
        """Say something beside what the cell has said."""
        self.outputs.append({"output_type": "stream", "name": "stderr", "text": f"{text}\n"})
        self.is_new = True

    def _clear(self, *, waits: bool) -> None:
        self._clears_first = waits
        if not waits:
            self.outputs, self._shown, self.is_full = [], {}, False
            self._characters = self._text_characters = 0

    def _put(self, told: dict[str, Any]) -> None:
        if self._clears_first:
            self._clear(waits=False)
        kind = told.get("output_type")
        if kind == "stream":
            self._print("stderr" if told.get("name") == "stderr" else "stdout", _text(told.get("text")))
        elif kind == "error":
            self._append(_error(told))
        elif kind in ("display_data", "update_display_data", "execute_result"):
            self._show(str(kind), told)

    def _print(self, name: str, text: str) -> None:
        left = MAX_TEXT_CHARACTERS - self._text_characters
        if left <= 0:
            self._say_full()
            return
        self._text_characters += len(text)
        last = self.outputs[-1] if self.outputs else {}
        if last.get("output_type") == "stream" and last.get("name") == name and not self.is_full:
            before = last["text"]
            last["text"] = _as_on_paper(before + text[:left])
            self._text_characters -= max(0, len(before) + min(len(text), left) - len(last["text"]))
        else:
            self._append({"output_type": "stream", "name": name, "text": _as_on_paper(text[:left])})
        if len(text) > left:
            self._say_full()

    def _show(self, kind: str, told: dict[str, Any]) -> None:
        data = _data(told.get("data"))
        if not data:
            return
        transient = told.get("transient")
        display_id = str(transient.get("display_id") or "") if isinstance(transient, dict) else ""
        known = self._shown.get(display_id)
        if kind == "update_display_data":
            if known is not None and self._has_room(data):
                known["data"] = data
            return
        output: Output = {"output_type": kind, "data": data, "metadata": {}}
        if kind == "execute_result":
            output["execution_count"] = self.count
        if self._append(output) and display_id:
            self._shown[display_id] = output

    def _append(self, output: Output) -> bool:
        if len(self.outputs) >= MAX_OUTPUTS or not self._has_room(output):
            self._say_full()
            return False
        self.outputs.append(output)
        return True

    def _has_room(self, part: Any) -> bool:
        size = len(json.dumps(part))
        if self._characters + size > MAX_CHARACTERS:
            return False
        self._characters += size
        return True

    def _say_full(self) -> None:
        if not self.is_full:
            self.is_full = True
            self.note(
                f"[what the cell gives from here on is left out: more than {MAX_TEXT_CHARACTERS:,} characters of text, "
                f"{MAX_CHARACTERS:,} in all, or {MAX_OUTPUTS} outputs]"
            )


def _data(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        return {}
    data = {kind: _text(told[kind]) for kind in _TEXTS if kind in told}
    for kind in _VALUES:
        if isinstance(told.get(kind), (dict, list)):
            data[kind] = flattened(told[kind])
    return data


def _error(told: dict[str, Any]) -> Output:
    lines = told.get("traceback")
    lines = lines if isinstance(lines, list) else []
    return {
        "output_type": "error",
        "ename": _text(told.get("ename"))[:_MAX_LINE_CHARACTERS],
        "evalue": _text(told.get("evalue"))[:_MAX_LINE_CHARACTERS],
        "traceback": [_text(line)[:_MAX_LINE_CHARACTERS] for line in lines[-_MAX_TRACEBACK_LINES:]],
    }


def _text(told: Any) -> str:
    return told if isinstance(told, str) else "".join(map(str, told)) if isinstance(told, list) else str(told)


def _as_on_paper(text: str) -> str:
    return _OVERWRITTEN.sub("", text) if "\r" in text else text
