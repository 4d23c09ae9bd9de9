"""Trace the output of a command as it arrives, and return its end for the model."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from typing import Final

from backend.data.secrets.scrub import Scrubber
from backend.execution.events.types import JobEvent, LogEvent
from workers.sandbox.host.zygotes.output import Output

TAIL_CHARACTERS: Final = 8_192
MAX_TRACED_BYTES: Final = 4 << 20  # of all commands of one agent
_PAUSE_S: Final = 0.005  # a command that prints without end has to wait


class Trace:
    """Forwards the output of the commands of one agent, up to a maximum size."""

    def __init__(self) -> None:
        self._remaining = MAX_TRACED_BYTES

    def forward(self, stream: str, text: str, on_output: Callable[[str, str], None]) -> None:
        """Forward a chunk, unless the maximum is reached."""
        if self._remaining <= 0:
            return
        self._remaining -= len(text.encode()) + 64
        on_output(stream, text)
        if self._remaining <= 0:
            note = (
                f"The output exceeds {MAX_TRACED_BYTES >> 20} MiB. Further output of commands is not stored."
            )
            on_output("system", note)


class Printed:
    """Collects the output of one command."""

    def __init__(self, trace: Trace, scrubber: Scrubber, on_output: Callable[[str, str], None]) -> None:
        self._trace = trace
        self._on_output = on_output
        self._output = Output()
        self._output.attach(self)
        new = codecs.getincrementaldecoder("utf-8")
        # Secrets are redacted before the text is cut: a part of a secret would not be recognized.
        self._streams = {name: (new(errors="replace"), scrubber.stream()) for name in ("stdout", "stderr")}
        self._tail = ""
        self._characters = 0

    async def feed(self, stream: str, data: bytes) -> None:
        """Add output of a stream."""
        self._output.text(stream, data)
        decoder, scrubber = self._streams[stream]
        self._append(scrubber.feed(decoder.decode(data)))
        if self._output.is_full:
            await asyncio.sleep(_PAUSE_S)

    def record(self, event: JobEvent) -> None:
        """Trace a chunk of the output with the size of an event."""
        if isinstance(event, LogEvent):
            self._trace.forward(event.stream, event.text, self._on_output)

    def finish(self) -> str:
        """Forward the rest, and return the end of the output."""
        self._output.finish()
        for decoder, scrubber in self._streams.values():
            self._append(scrubber.feed(decoder.decode(b"", final=True)) + scrubber.end())
        omitted = self._characters - len(self._tail)
        note = f"[the first {omitted:,} characters are omitted]\n" if omitted else ""
        return note + self._tail

    def _append(self, text: str) -> None:
        self._characters += len(text)
        self._tail = (self._tail + text)[-TAIL_CHARACTERS:]
