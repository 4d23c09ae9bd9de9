"""Showing a run while it runs: a display of IPython's that changes, or nothing outside of it."""

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
        self._later: threading.Timer | None = None

    def refresh(self) -> None:
        """Show what is new, a few times a second; the last word of many is shown too, though nothing follows it."""
        early_s = self._shown_at + _EVERY_S - time.monotonic()
        if early_s <= 0:
            self._show()
        elif self._later is None:
            # In the context of the cell: what a kernel shows belongs to the request that it answers.
            self._later = threading.Timer(early_s, copy_context().run, (self._show,))
            self._later.daemon = True
            self._later.start()

    def finish(self) -> None:
        """Show what is there now."""
        if self._later is not None:
            self._later.cancel()
        self._show()

    def _show(self) -> None:
        with self._showing:
            self._later = None
            self._shown_at = time.monotonic()
            if self._on_change:
                self._on_change(self._trace)
            elif self._handle is not None:
                self._handle.update(_bundle(self._trace), raw=True)


def display_both(text: str, markup: str) -> None:
    """Show something as text where there is a terminal, and as a table where there is a notebook."""
    if _opened({"text/plain": text, "text/html": markup}) is None:
        print(text)  # noqa: T201 - outside of IPython there is nothing else to show it on


def _bundle(trace: Trace) -> dict[str, str]:
    return {"text/plain": trace.text(), "text/html": trace.html()}


def _opened(bundle: dict[str, str]) -> Any:
    """A display that can be changed; none outside of IPython."""
    from IPython.core.getipython import get_ipython
    from IPython.display import display

    return display(bundle, raw=True, display_id=True) if get_ipython() is not None else None
