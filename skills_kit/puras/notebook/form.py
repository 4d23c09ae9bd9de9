"""Display a skill as a form, with a field for each input, a button to run it, and a live trace. Needs anywidget."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import anywidget
import traitlets

from puras.client.errors import PurasAPIError
from puras.notebook.errors import CellRefused, message_of
from puras.notebook.handles import NotebookSkill
from puras.notebook.trace import Trace

__all__ = ["SkillForm"]

_SCRIPT: Final = Path(__file__).with_name("form.js")
_STYLE: Final = Path(__file__).with_name("form.css")
_FILES: Final = frozenset({"file", "image", "video", "audio"})
_TYPED: Final = frozenset({"text", "string", "integer", "number", "boolean"})


class SkillForm(anywidget.AnyWidget):
    """A form that runs one skill."""

    _esm = _SCRIPT
    _css = _STYLE
    fields: Any = traitlets.List().tag(sync=True)
    """`{name, kind, choices, required, value, help}` of each input."""
    title = traitlets.Unicode().tag(sync=True)
    about = traitlets.Unicode().tag(sync=True)
    """Description of the skill."""
    runs_here = traitlets.Bool(False).tag(sync=True)
    """Whether the skill can also run in this kernel."""
    is_running = traitlets.Bool(False).tag(sync=True)
    trace: Any = traitlets.List().tag(sync=True)
    """`{text, tone}` of each line."""
    headline = traitlets.Unicode().tag(sync=True)
    page = traitlets.Unicode().tag(sync=True)
    """URL of the job in the studio; empty for a run in the kernel."""
    result = traitlets.Unicode().tag(sync=True)
    """The result as JSON."""

    def __init__(self, skill: NotebookSkill) -> None:
        cell = skill.cell
        super().__init__(
            fields=fields_of(cell.settings["input_schema"], next(iter(cell.examples), {})),
            title=skill.name,
            about=str(cell.settings.get("description") or ""),
            runs_here=cell.function is not None,
        )
        self._skill = skill
        self.last: Any = None
        """The last run."""
        self.on_msg(self._handle_message)

    def start(self, inputs: Mapping[str, Any], where: str) -> None:
        """Run the skill in a thread. Ignore the call while another run has not ended."""
        if self.is_running:
            return
        self.is_running, self.result, self.page, self.headline, self.trace = True, "", "", "", []
        threading.Thread(target=self._run, args=(dict(inputs), where), daemon=True).start()

    def _handle_message(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        if content.get("type") == "run" and isinstance(content.get("inputs"), dict):
            self.start(content["inputs"], "server" if content.get("where") == "server" else "here")

    def _run(self, inputs: dict[str, Any], where: str) -> None:
        try:
            if self.runs_here and where == "here":
                self.last = self._skill.run(inputs, where="here", on_change=self._show)
            else:
                self.last = self._skill.submit(inputs)
                self.page = self.last.page
                self.last.follow(on_change=self._show)
            if self.last.status == "succeeded":
                self.result = json.dumps(self.last.result, ensure_ascii=False, indent=2)
        except (CellRefused, PurasAPIError) as error:
            self.trace = [{"text": message_of(error), "tone": "bad"}]
        finally:
            self.is_running = False

    def _show(self, trace: Trace) -> None:
        self.headline = trace.headline()
        lines = [{"text": line.text, "tone": line.tone} for line in trace.lines[-100:]]
        self.trace = [
            *lines,
            *([{"text": f"… {trace.reply[-300:]}", "tone": "plain"}] if trace.reply else []),
        ]


def fields_of(schema: Mapping[str, Any], example: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a form, with the values of an example or the defaults."""
    return [_field(name, one, schema, example) for name, one in (schema.get("properties") or {}).items()]


def _field(
    name: str, schema: Mapping[str, Any], whole: Mapping[str, Any], example: Mapping[str, Any]
) -> dict[str, Any]:
    value = example.get(name, schema.get("default"))
    shown = "choice" if "enum" in schema else _control_of(schema.get("type"))
    is_written_as_json = shown == "json" or (shown == "file" and not isinstance(value, str))
    if is_written_as_json and value is not None:
        value = json.dumps(value, ensure_ascii=False)
    return {
        "name": name,
        "kind": shown,
        "choices": list(schema.get("enum") or ()),
        "required": name in (whole.get("required") or ()),
        "value": value,
        "help": str(schema.get("description") or ""),
    }


def _control_of(kind: object) -> str:
    if not isinstance(kind, str):
        return "json"
    if kind in _FILES:
        return "file"
    return "string" if kind == "color" else kind if kind in _TYPED else "json"
