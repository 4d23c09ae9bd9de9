"""Display a run while it is running, with an updatable display of IPython."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from typing import Any, Final

from puras.notebook.trace import Trace

__all__ = ["Screen", "display_both"]

_EVERY_S: Final = 0.1


class Screen:
    """The display of one run."""

    def __init__(self, trace: Trace, on_change: Callable[[Trace], None] | None = None) -> None:
        self._trace = trace
        self._on_change = on_change
        self._handle: Any = None if on_change else _opened(_bundle(trace))
        self._shown_at = time.monotonic()
        self._showing = threading.Lock()
        self._pending_update: threading.Timer | None = None

    def refresh(self) -> None:
        """Update the display at most ten times per second. The last of several updates is always displayed."""
        early_s = self._shown_at + _EVERY_S - time.monotonic()
        if early_s <= 0:
            self._show()
        elif self._pending_update is None:
            # Run in the context of the cell, so that the kernel assigns the output to this cell.
            self._pending_update = threading.Timer(early_s, copy_context().run, (self._show,))
            self._pending_update.daemon = True
            self._pending_update.start()

    def finish(self) -> None:
        """Display the final state."""
        if self._pending_update is not None:
            self._pending_update.cancel()
        self._show()

    def _show(self) -> None:
        with self._showing:
            self._pending_update = None
            self._shown_at = time.monotonic()
            if self._on_change:
                self._on_change(self._trace)
            elif self._handle is not None:
                self._handle.update(_bundle(self._trace), raw=True)


def display_both(text: str, markup: str) -> None:
    """Display text in a terminal, and markup in a notebook."""
    if _opened({"text/plain": text, "text/html": markup}) is None:
        print(text)  # noqa: T201 - the only output outside of IPython


def _bundle(trace: Trace) -> dict[str, str]:
    return {"text/plain": trace.text(), "text/html": trace.html()}


def _opened(bundle: dict[str, str]) -> Any:
    """Return an updatable display; None outside of IPython."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    return display(bundle, raw=True, display_id=True) if get_ipython() is not None else None
