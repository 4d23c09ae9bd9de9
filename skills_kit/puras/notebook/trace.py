"""What a run tells, as lines for people: one for each event that says something, and what it has cost so far."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Line", "Trace", "dollars"]

MAX_LINES: Final = 200
_MAX_CHARACTERS: Final = 300
_ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
_MARKS: Final = {"good": "✓", "bad": "✗", "plain": "·"}
_COLOURS: Final = {
    "good": "color:#18794e;color:light-dark(#18794e,#4cc38a)",
    "bad": "color:#cd2b31;color:light-dark(#cd2b31,#ff8b88)",
    "plain": "color:inherit",
}
"""The first is for browsers that do not know of dark pages."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    text: str
    tone: str = "plain"
    """`good`, `bad` or `plain`."""


@dataclass(slots=True)
class Trace:
    """A run as it is told."""

    title: str
    status: str = "queued"
    label: str = ""
    """`rehearsal` where the run is simulated: no language model replies."""
    simulation: str = ""
    """What the result of a simulated run is made of, once it has ended."""
    cost_micros: int = 0
    lines: list[Line] = field(default_factory=list)
    reply: str = ""
    """The words of a reply that is still being given."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing will come any more."""
        return self.status in _ENDS

    def tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Take an event."""
        if kind == "delta":
            self.reply = "" if payload.get("restart") else self.reply + str(payload.get("text", ""))
            return
        if kind == "model_response":
            self.reply = ""
            self.cost_micros += int(payload.get("billed_micros") or 0)
        elif kind == "tool_result":
            self.cost_micros += int(payload.get("billed_micros") or 0)
        self.label = str(payload.get("label") or self.label) if kind == "agent_start" else self.label
        self._move(kind)
        told = _TOLD.get(kind)
        line = told(payload) if told else None
        if line is not None:
            self.lines.append(line)

    def text(self) -> str:
        """All of it, for a terminal."""
        shown = [f"{_MARKS[line.tone]} {line.text}" for line in self._shown()]
        note = [self.simulation] if self.simulation else []
        return "\n".join([self.headline(), *note, *shown, *([f"… {_cut(self.reply)}"] if self.reply else [])])

    def html(self) -> str:
        """All of it, for a notebook; whatever the run said is text."""
        rows = [
            f'<div style="{_COLOURS[line.tone]}">{_MARKS[line.tone]} {html.escape(line.text)}</div>'
            for line in self._shown()
        ]
        if self.reply:
            rows.append(f'<div style="opacity:.7">… {html.escape(_cut(self.reply))}</div>')
        return (
            '<div style="font-family:var(--jp-code-font-family,monospace);font-size:12px;line-height:1.5">'
            f"<strong>{html.escape(self.headline())}</strong>{self._note()}{''.join(rows)}</div>"
        )

    def headline(self) -> str:
        """Which run, how it stands, what it costs."""
        label = {"": "", "rehearsal": " · simulated: no language model"}.get(self.label, f" · {self.label}")
        return f"{self.title} · {self.status} · {dollars(self.cost_micros)}{label}"

    def _note(self) -> str:
        if not self.simulation:
            return ""
        return f'<div role="note"><strong>{html.escape(self.simulation)}</strong></div>'

    def _shown(self) -> list[Line]:
        left_out = len(self.lines) - MAX_LINES
        if left_out <= 0:
            return self.lines
        return [Line(f"({left_out} earlier lines are left out)"), *self.lines[-MAX_LINES:]]

    def _move(self, kind: str) -> None:
        if kind in ("queued", "waiting", *_ENDS):
            self.status = kind
        elif kind in ("started", "resumed"):
            self.status = "running"
        elif kind == "requeued":
            self.status = "queued"


def dollars(micros: int) -> str:
    """An amount as people read it, to the micro-dollar where it is that small."""
    amount = micros / 1_000_000
    return f"${amount:.2f}" if amount >= 1 or not micros else f"${amount:.6f}".rstrip("0")


def _cut(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _MAX_CHARACTERS else f"{joined[:_MAX_CHARACTERS]}…"


def _log(payload: Mapping[str, Any]) -> Line | None:
    text = _cut(str(payload.get("text", "")))
    tone = "bad" if payload.get("level") == "error" or payload.get("stream") == "stderr" else "plain"
    return Line(text, tone) if text else None


def _progress(payload: Mapping[str, Any]) -> Line:
    fraction = payload.get("fraction")
    share = "…" if fraction is None else f"{float(fraction):.0%}"
    return Line(f"{share} {_cut(str(payload.get('text', '')))}".rstrip())


def _model(payload: Mapping[str, Any]) -> Line:
    tokens = int(payload.get("input_tokens") or 0) + int(payload.get("output_tokens") or 0)
    took_s = float(payload.get("duration_ms") or 0) / 1000
    cost = dollars(int(payload.get("billed_micros") or 0))
    return Line(
        f"step {payload.get('step')}: {payload.get('model')}, {tokens:,} tokens, {took_s:.1f} s, {cost}"
    )


def _use(payload: Mapping[str, Any]) -> Line:
    label = f": {_cut(str(payload['label']))}" if payload.get("label") else ""
    return Line(f"calls {payload.get('name')}{label}")


def _result(payload: Mapping[str, Any]) -> Line:
    is_good = bool(payload.get("ok"))
    return Line(
        f"{payload.get('tool')}: {_cut(str(payload.get('preview', '')))}", "good" if is_good else "bad"
    )


def _failed(payload: Mapping[str, Any]) -> Line:
    return Line(
        _cut(f"{payload.get('code') or 'failed'}: {payload.get('message') or payload.get('error') or ''}"),
        "bad",
    )


_TOLD: Final[Mapping[str, Callable[[Mapping[str, Any]], Line | None]]] = {
    "log": _log,
    "progress": _progress,
    "model_response": _model,
    "model_retry": lambda payload: Line("the model did not answer; asked again", "bad"),
    "tool_use": _use,
    "tool_result": _result,
    "requeued": lambda payload: Line(_cut(f"queued again: {payload.get('reason', '')}")),
    "approval_required": lambda payload: Line(f"{payload.get('tool')} waits for a person to agree", "bad"),
    "subagent_start": lambda payload: Line(f"calls the skill {payload.get('skill')}"),
    "succeeded": lambda payload: Line("succeeded", "good"),
    "cancelled": lambda payload: Line("cancelled", "bad"),
    "failed": _failed,
}
