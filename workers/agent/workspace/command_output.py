"""What one command printed: told to the trace as it comes, and its end kept for the model."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Callable
from typing import Final

from backend.data.secrets.scrub import Scrubber
from backend.execution.events.types import JobEvent, LogEvent
from workers.sandbox.host.output import Output

KEPT_CHARACTERS: Final = 8_192
MAX_TOLD_BYTES: Final = 4 << 20  # of all commands of one agent
_PAUSE_S: Final = 0.005  # a command that prints without end must wait, not the worker work


class Trace:
    """Passes on what the commands of one agent print, up to an amount."""

    def __init__(self) -> None:
        self._left = MAX_TOLD_BYTES

    def pass_on(self, stream: str, text: str, on_output: Callable[[str, str], None]) -> None:
        """Pass on a piece, while there is room."""
        if self._left <= 0:
            return
        self._left -= len(text.encode()) + 64
        on_output(stream, text)
        if self._left <= 0:
            note = (
                f"What commands print from now on is not stored: it is more than {MAX_TOLD_BYTES >> 20} MiB."
            )
            on_output("system", note)


class Printed:
    """Takes the output of one command."""

    def __init__(self, trace: Trace, scrubber: Scrubber, on_output: Callable[[str, str], None]) -> None:
        self._trace = trace
        self._on_output = on_output
        self._output = Output()
        self._output.attach(self)
        new = codecs.getincrementaldecoder("utf-8")
        # Secrets are looked for before the text is cut: half a secret would not be recognised.
        self._streams = {name: (new(errors="replace"), scrubber.stream()) for name in ("stdout", "stderr")}
        self._kept = ""
        self._characters = 0

    async def hear(self, stream: str, data: bytes) -> None:
        """Take what came from a stream."""
        self._output.text(stream, data)
        decoder, scrubber = self._streams[stream]
        self._keep(scrubber.feed(decoder.decode(data)))
        if self._output.is_full:
            await asyncio.sleep(_PAUSE_S)

    def record(self, event: JobEvent) -> None:
        """Take a piece of the output in the size of an event."""
        if isinstance(event, LogEvent):
            self._trace.pass_on(event.stream, event.text, self._on_output)

    def finish(self) -> str:
        """Pass on what is left; gives the end of what was printed."""
        self._output.finish()
        for decoder, scrubber in self._streams.values():
            self._keep(scrubber.feed(decoder.decode(b"", final=True)) + scrubber.end())
        left_out = self._characters - len(self._kept)
        note = f"[the first {left_out:,} characters are left out]\n" if left_out else ""
        return note + self._kept

    def _keep(self, text: str) -> None:
        self._characters += len(text)
        self._kept = (self._kept + text)[-KEPT_CHARACTERS:]
