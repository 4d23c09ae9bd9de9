"""Record the output of a job as events: in order, in batches, limited in size."""

from __future__ import annotations

import asyncio
import codecs
import json
from dataclasses import dataclass, field
from typing import Any, Final

from backend.core.step_places import step_place
from backend.execution.events.types import OMITTED, DriveDeletedEvent, LogEvent, ProgressEvent
from workers.types import Recorder

MAX_STORED_BYTES: Final = 1 << 20  # of one job: a loop that prints must not fill the database
MAX_DELETIONS: Final = 10_000  # of files by one job
_MAX_PATH: Final = 1024
_BATCH_S: Final = 0.05
_MAX_TEXT: Final = 32_000  # of one event
_MAX_LINE_BYTES: Final = 256 * 1024  # of one line of the kit
_OVERHEAD_BYTES: Final = 64  # of an event in addition to its text, so that empty lines count, too
_LINES_PER_TURN: Final = 64  # of the kit: a job that sends more has to wait, not the event loop
_BYTES_PER_TURN: Final = 16 * 1024  # of these lines, if there is more than one
_USELESS_BYTES: Final = 64 * 1024  # of lines that the kit does not write, before the job has to wait
_LEVELS: Final = frozenset({"debug", "info", "warning", "error"})


@dataclass(slots=True)
class _Text:
    """One stream of text, cut into lines."""

    stream: str
    pending: str = ""
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )

    def take(self, *, everything: bool) -> str:
        """Return the complete lines so far; also the incomplete one if requested, or if it is long."""
        end = len(self.pending)
        if not everything and end < _MAX_TEXT:
            end = self.pending.rfind("\n") + 1
        text, self.pending = self.pending[:end], self.pending[end:]
        return text


class Output:
    """Collects the output of one process; nothing is recorded before a recorder is attached."""

    def __init__(self) -> None:
        self._recorder: Recorder | None = None
        self._texts = {name: _Text(name) for name in ("stdout", "stderr")}
        self._kit = bytearray()
        self._stored_bytes = 0
        self._dropped_bytes = 0
        self._useless_bytes = 0
        self._deletions = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_full(self) -> bool:
        """Whether output was dropped, or much of it is invalid: further output will be dropped, too."""
        return self._dropped_bytes > 0 or self._useless_bytes > _USELESS_BYTES

    @property
    def has_pending_lines(self) -> bool:
        """Whether lines of the kit are pending; `kit(b"")` continues with them."""
        return b"\n" in self._kit

    def attach(self, recorder: Recorder) -> None:
        """Record from now on, starting with what was received before."""
        self._recorder = recorder
        self._flush(everything=False)

    def text(self, stream: str, data: bytes) -> None:
        """Add bytes that were printed to a stream."""
        text = self._texts[stream]
        if self._stored_bytes + len(text.pending) > MAX_STORED_BYTES:
            self._dropped_bytes += len(data)
            return
        text.pending += text.decoder.decode(data)
        self._flush_soon()

    def kit(self, data: bytes) -> None:
        """Add bytes of the kit's own lines, up to a number of lines per call; invalid lines are ignored."""
        self._kit += data
        end = max(_BYTES_PER_TURN, self._kit.find(b"\n") + 1)
        lines = bytes(self._kit[:end]).split(b"\n", _LINES_PER_TURN)
        lines.pop()  # incomplete, or for the next call
        del self._kit[: sum(map(len, lines)) + len(lines)]
        if len(self._kit) > _MAX_LINE_BYTES and not self.has_pending_lines:
            self._dropped_bytes += len(self._kit)
            self._kit.clear()
        if lines:
            self._flush(everything=True)  # keeps the order of output and lines of the kit
        for line in lines:
            self._line(line)

    def finish(self) -> None:
        """Record the rest, and how much was not stored."""
        if self.has_pending_lines:
            self._dropped_bytes += len(self._kit)
        for text in self._texts.values():
            text.pending += text.decoder.decode(b"", final=True)
        self._flush(everything=True)
        if self._dropped_bytes and self._recorder is not None:
            note = f"{self._dropped_bytes:,} bytes of further output were not stored (limit {MAX_STORED_BYTES:,})."
            self._recorder.record(LogEvent(stream="system", text=note))
        self._recorder = None

    def _flush_soon(self) -> None:
        if self._timer is None and self._recorder is not None:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_S, self._flush)

    def _flush(self, *, everything: bool = False) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._recorder is None:
            return
        for text in self._texts.values():
            complete = text.take(everything=everything)
            for start in range(0, len(complete), _MAX_TEXT):
                chunk = storable(complete[start : start + _MAX_TEXT])
                self._store(LogEvent(stream=text.stream, text=chunk), chunk)

    def _line(self, line: bytes) -> None:
        event = _kit_event(line)
        if event is None:
            self._useless_bytes += len(line) + _OVERHEAD_BYTES
        elif isinstance(event, DriveDeletedEvent):
            self._delete(event)
        elif isinstance(event, LogEvent):
            self._store(event, event.text, str(event.fields))
        else:
            self._store(event, event.text)

    def _delete(self, event: DriveDeletedEvent) -> None:
        """Record a deletion; unlike output, deletions are dropped only when there are too many of them."""
        self._deletions += 1
        if self._deletions > MAX_DELETIONS:
            self._useless_bytes += len(event.path) + _OVERHEAD_BYTES
        elif self._recorder is not None:
            self._recorder.record(event)

    def _store(self, event: LogEvent | ProgressEvent, text: str, fields: str = "") -> None:
        size = len(text.encode()) + len(fields) + _OVERHEAD_BYTES
        if self._recorder is None or self._stored_bytes + size > MAX_STORED_BYTES:
            self._dropped_bytes += size
            return
        self._stored_bytes += size
        self._recorder.record(event)


def _kit_event(line: bytes) -> LogEvent | ProgressEvent | DriveDeletedEvent | None:
    """Return the event of a line of the kit; none if the kit does not write such lines."""
    try:
        body = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or not isinstance(body.get("text", ""), str):
        return None
    text = storable(body.get("text", "")[:_MAX_TEXT])
    if body.get("type") == "progress":
        fraction = body.get("fraction")
        is_number = (
            isinstance(fraction, (int, float)) and not isinstance(fraction, bool) and 0 <= fraction <= 1
        )
        return ProgressEvent(fraction=fraction if is_number else None, text=text)
    if body.get("type") == "drive_deleted":
        path = body.get("path")
        if isinstance(path, str) and 0 < len(path) <= _MAX_PATH:
            return DriveDeletedEvent(path=storable(path))
    if body.get("type") == "log":
        level = body.get("level")
        level = level if level in _LEVELS else "info"
        return LogEvent(
            stream="log",
            text=text,
            level=level,
            fields=_fields(body.get("fields")),
            durable_step=step_place(body.get("durable_step")) or OMITTED,
        )
    return None


def _fields(fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict):
        return {}
    try:
        text = json.dumps(fields, allow_nan=False, ensure_ascii=False)
        clean: dict[str, Any] = json.loads(storable(text).replace("\\u0000", ""))
    except (ValueError, RecursionError):
        return {}
    return clean


def storable(text: str) -> str:
    """Return the text without what PostgreSQL rejects: NUL characters and unpaired surrogates."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
