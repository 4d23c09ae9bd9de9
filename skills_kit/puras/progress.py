"""Report the progress of a job: `progress(0.4, "page 2 of 5")`."""

from __future__ import annotations

from puras._events import emit, shortened

_last: tuple[int | None, str] | None = None


def progress(fraction: float | None, text: str = "") -> None:
    """Report the completed part of the job, from 0 to 1 (`None`: unknown), and a description of the current step.

    Frequent calls are cheap: only a new percentage or text is sent.
    """
    global _last
    known = None if fraction is None or fraction != fraction else min(max(float(fraction), 0.0), 1.0)
    percent = None if known is None else int(known * 100)
    message = shortened(text)
    if (percent, message) == _last:
        return
    _last = (percent, message)
    shown = "…" if percent is None else f"{percent} %"
    emit({"type": "progress", "fraction": known, "text": message}, f"progress: {shown} {message}".rstrip())
