"""Convert the events of a run to readable lines, and sum up its cost."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from puras.client.shapes import label_text

__all__ = ["Line", "Trace", "dollars"]

MAX_LINES: Final = 200
_MAX_CHARACTERS: Final = 300
_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
_MARKS: Final = {"good": "✓", "bad": "✗", "plain": "·"}
_COLORS: Final = {
    "good": "color:#18794e;color:light-dark(#18794e,#4cc38a)",
    "bad": "color:#cd2b31;color:light-dark(#cd2b31,#ff8b88)",
    "plain": "color:inherit",
}
"""The first value is for browsers that do not support `light-dark`."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the trace."""

    text: str
    tone: str = "plain"
    """`good`, `bad` or `plain`."""


@dataclass(slots=True)
class Trace:
    """The state of a run, from its events."""

    title: str
    status: str = "queued"
    label: str = ""
    """The label of the event `agent_start`; it names the simulated model or a recording."""
    simulation: str = ""
    """How the result of a simulated run was created; empty before its end."""
    cost_micros: int = 0
    lines: list[Line] = field(default_factory=list)
    reply: str = ""
    """The incomplete text of the reply that the model is writing."""

    @property
    def has_ended(self) -> bool:
        """Return whether the run has ended."""
        return self.status in _ENDS

    def add(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Add an event."""
        if kind == "delta":
            self.reply = ("" if payload.get("restart") else self.reply) + str(payload.get("text", ""))
            return
        if kind == "model_response":
            self.reply = ""
            self.cost_micros += int(payload.get("billed_micros") or 0)
        elif kind == "tool_result":
            self.cost_micros += int(payload.get("billed_micros") or 0)
        self.label = str(payload.get("label") or self.label) if kind == "agent_start" else self.label
        self._set_status(kind)
        formatter = _FORMATTERS.get(kind)
        line = formatter(payload) if formatter else None
        if line is not None:
            self.lines.append(line)

    def text(self) -> str:
        """Return the trace as text for a terminal."""
        shown = [f"{_MARKS[line.tone]} {line.text}" for line in self._shown()]
        note = [self.simulation] if self.simulation else []
        return "\n".join(
            [self.headline(), *note, *shown, *([f"… {_shortened(self.reply)}"] if self.reply else [])]
        )

    def html(self) -> str:
        """Return the trace as HTML for a notebook. All text of the run is escaped."""
        rows = [
            f'<div style="{_COLORS[line.tone]}">{_MARKS[line.tone]} {html.escape(line.text)}</div>'
            for line in self._shown()
        ]
        if self.reply:
            rows.append(f'<div style="opacity:.7">… {html.escape(_shortened(self.reply))}</div>')
        return (
            '<div style="font-family:var(--jp-code-font-family,monospace);font-size:12px;line-height:1.5">'
            f"<strong>{html.escape(self.headline())}</strong>{self._note()}{''.join(rows)}</div>"
        )

    def headline(self) -> str:
        """Return the title, the status and the cost."""
        label = f" · {label_text(self.label)}: no language model" if self.label else ""
        return f"{self.title} · {self.status} · {dollars(self.cost_micros)}{label}"

    def _note(self) -> str:
        if not self.simulation:
            return ""
        return f'<div role="note"><strong>{html.escape(self.simulation)}</strong></div>'

    def _shown(self) -> list[Line]:
        left_out = len(self.lines) - MAX_LINES
        if left_out <= 0:
            return self.lines
        return [Line(f"({left_out} earlier lines omitted)"), *self.lines[-MAX_LINES:]]

    def _set_status(self, kind: str) -> None:
        if kind in ("queued", "waiting", *_ENDS):
            self.status = kind
        elif kind in ("started", "resumed"):
            self.status = "running"
        elif kind == "requeued":
            self.status = "queued"


def dollars(micros: int) -> str:
    """Return an amount in dollars; with up to six decimal places below one dollar."""
    amount = micros / 1_000_000
    return f"${amount:.2f}" if amount >= 1 or not micros else f"${amount:.6f}".rstrip("0")


def _shortened(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _MAX_CHARACTERS else f"{joined[:_MAX_CHARACTERS]}…"


def _log(payload: Mapping[str, Any]) -> Line | None:
    text = _shortened(str(payload.get("text", "")))
    tone = "bad" if payload.get("level") == "error" or payload.get("stream") == "stderr" else "plain"
    return Line(text, tone) if text else None


def _progress(payload: Mapping[str, Any]) -> Line:
    fraction = payload.get("fraction")
    share = "…" if fraction is None else f"{float(fraction):.0%}"
    return Line(f"{share} {_shortened(str(payload.get('text', '')))}".rstrip())


def _model(payload: Mapping[str, Any]) -> Line:
    tokens = int(payload.get("input_tokens") or 0) + int(payload.get("output_tokens") or 0)
    took_s = float(payload.get("duration_ms") or 0) / 1000
    cost = dollars(int(payload.get("billed_micros") or 0))
    return Line(
        f"step {payload.get('step')}: {payload.get('model')}, {tokens:,} tokens, {took_s:.1f} s, {cost}"
    )


def _use(payload: Mapping[str, Any]) -> Line:
    label = f": {_shortened(str(payload['label']))}" if payload.get("label") else ""
    return Line(f"calls {payload.get('name')}{label}")


def _result(payload: Mapping[str, Any]) -> Line:
    is_good = bool(payload.get("ok"))
    return Line(
        f"{payload.get('tool')}: {_shortened(str(payload.get('preview', '')))}", "good" if is_good else "bad"
    )


def _failed(payload: Mapping[str, Any]) -> Line:
    return Line(
        _shortened(
            f"{payload.get('code') or 'failed'}: {payload.get('message') or payload.get('error') or ''}"
        ),
        "bad",
    )


_FORMATTERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Line | None]]] = {
    "log": _log,
    "progress": _progress,
    "model_response": _model,
    "model_retry": lambda payload: Line("the model did not respond; the request is repeated", "bad"),
    "tool_use": _use,
    "tool_result": _result,
    "requeued": lambda payload: Line(_shortened(f"requeued: {payload.get('reason', '')}")),
    "approval_required": lambda payload: Line(f"{payload.get('tool')} awaits approval", "bad"),
    "subagent_start": lambda payload: Line(f"calls the skill {payload.get('skill')}"),
    "succeeded": lambda payload: Line("succeeded", "good"),
    "cancelled": lambda payload: Line("cancelled", "bad"),
    "failed": _failed,
}
