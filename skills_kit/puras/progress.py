"""How far a job is: `progress(0.4, "page 2 of 5")`."""

from __future__ import annotations

from puras._events import emit, shortened

_last: tuple[int | None, str] | None = None


def progress(fraction: float | None, text: str = "") -> None:
    """Tell how far the job is, from 0 to 1 (`None`: nobody knows), and what it is at.

    May be called as often as you like: only a new percent or a new text is sent.
    """
    global _last
    known = None if fraction is None or fraction != fraction else min(max(float(fraction), 0.0), 1.0)
    percent = None if known is None else int(known * 100)
    said = shortened(text)
    if (percent, said) == _last:
        return
    _last = (percent, said)
    shown = "…" if percent is None else f"{percent} %"
    emit({"type": "progress", "fraction": known, "text": said}, f"progress: {shown} {said}".rstrip())
